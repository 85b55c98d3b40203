"""Parameters of chapter 18, real architectures and what they cost."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from brnb.architectures.config import read_config
from brnb.architectures.known import configuration, entry, keys
from brnb.params import Positive
from brnb.studies.architecture_params import ArchitectureParams
from brnb.thesis import load


def _known(key: str) -> str:
    entry(key)
    return key


def _priced(key: str) -> str:
    try:
        load("token_prices", key)
    except KeyError as error:
        raise ValueError(error.args[0]) from None
    return key


ArchitectureKey = Annotated[str, AfterValidator(_known)]
Way = Literal["eager", "eager_compiled", "cache", "compiled", "graph", "ours"]


class LectureParams(ArchitectureParams):
    """Chapter 18: what is drawn, counted and timed of real architectures, and our variants."""

    counted_models: list[ArchitectureKey] | Literal["all"] = Field(
        description="whose real modules are built and counted; keys, or all"
    )
    drawn_models: list[ArchitectureKey] | Literal["all"] = Field(
        description="drawn one by one beside the comparisons; keys, or all"
    )
    cache_models: Annotated[list[ArchitectureKey], Field(min_length=1)] = Field(
        description="in the figure of caches; keys of brnb/thesis/architectures.yaml"
    )
    longest_context: Annotated[int, Field(ge=1024)] = Field(description="of that figure, tokens")
    tokenizer_folders: list[str] = Field(description="more tokenizers to count formatting with")
    token_price: Annotated[str, AfterValidator(_priced)] = Field(
        description="key of brnb/thesis/token_prices.yaml"
    )
    decoding_models: list[ArchitectureKey] = Field(description="shapes whose decoding is timed")
    decoding_changes: dict[str, Any] = Field(
        description="fields of their config.json that differ: a smaller shape; {}: the real one"
    )
    decoding_ways: Annotated[list[Way], Field(min_length=1)] = Field(
        description="eager, eager_compiled, cache, compiled, graph, ours"
    )
    decoding_prompt: Positive = Field(description="tokens that are there")
    decoding_tokens: Positive = Field(description="tokens that follow")
    decoding_tries: Positive = Field(description="of which the fastest counts")
    decoding_dtype: Literal["bf16", "fp32"] = Field(description="of the random weights")

    @model_validator(mode="after")
    def _shapes_are_whole(self) -> Self:
        for key in self.decoding_models:
            read_config(self.decoded(key))
        return self

    @property
    def census(self) -> list[str]:
        """Keys whose real modules are counted."""
        return keys() if self.counted_models == "all" else list(self.counted_models)

    @property
    def drawn(self) -> list[str]:
        """Keys that get a drawing of their own."""
        return keys() if self.drawn_models == "all" else list(self.drawn_models)

    def decoded(self, key: str) -> dict[str, Any]:
        """The configuration that is timed under this key."""
        return configuration(key) | self.decoding_changes
