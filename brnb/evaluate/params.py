"""Parameters of chapter 20, which looks at trained attention."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from brnb.params import Name, Params, Positive


class AttentionParams(Params):
    """Chapter 20: what attention costs, and what it is in our models."""

    transformer: Name = Field(description="run whose attention is looked at")
    recurrent: Name = Field(description="run whose gradients stand beside it")
    lengths: Annotated[list[Positive], Field(min_length=3)] = Field(
        description="texts of the cost curves, tokens, ascending"
    )
    cost_window: Positive = Field(description="of the masks in the cost curves, tokens")
    cost_block: Positive = Field(description="tokens of a block of the masks in the cost curves")
    window: Positive = Field(description="w of the masks that the model is evaluated with, tokens")
    global_tokens: Positive = Field(description="g, first tokens that all see")
    random_tokens: Positive = Field(description="r, tokens drawn for a block of queries")
    block: Positive = Field(description="tokens of a block of BigBird's draws")
    texts: Positive = Field(description="windows over which gradients and heads are averaged")
    text_tokens: Annotated[int, Field(ge=32)] = Field(description="tokens of such a window")
    state_steps: Annotated[list[Positive], Field(min_length=2)] = Field(
        description="steps over which the recurrence's Jacobians are multiplied, ascending"
    )
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of the bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over documents")
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU if there is one")

    @field_validator("lengths", "state_steps")
    @classmethod
    def _ascends(cls, values: list[int]) -> list[int]:
        if sorted(set(values)) != values:
            raise ValueError("give the numbers in ascending order, each once")
        return values

    @model_validator(mode="after")
    def _fits_blocks(self) -> "AttentionParams":
        if self.random_tokens % self.block or self.text_tokens % self.block:
            raise ValueError(
                f"random_tokens and text_tokens have to be multiples of block = {self.block}"
            )
        if any(n % self.cost_block for n in self.lengths):
            raise ValueError(f"lengths have to be multiples of cost_block = {self.cost_block}")
        return self
