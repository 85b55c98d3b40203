"""The schema of the small chapters."""

from pydantic import Field

from brnb.params import Params


class MiniParams(Params):
    """One parameter of their own."""

    price_list: str = Field(description="any text")
