"""A schema with values of every form, for papermill's options."""

from pydantic import Field

from brnb.params import Params


class NestedParams(Params):
    """A text, a number, and lists in a mapping."""

    title: str = Field(description="any text")
    share: float = Field(ge=0, le=1, description="of the documents")
    groups: dict[str, list[int]] = Field(description="sizes by name")
