"""Parameters of the chapter on computing and infrastructure."""

from typing import Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from brnb.params import Params


class ComputeParams(Params):
    """What is measured, and at which sizes the curves are drawn."""

    baseline: str = Field(description="run whose weights and cache are put into integers")
    device: Literal["auto", "cpu", "cuda"] = Field(description="where the roofline is measured")
    dtype: Literal["fp32", "bf16", "fp16"] = Field(description="format of the measured products")
    copy_megabytes: PositiveInt = Field(description="MB of the copy, far more than caches hold")
    matrix_sizes: list[PositiveInt] = Field(min_length=1, description="sides of square products")
    rows: dict[Literal["batch", "seq_len", "width", "heads"], PositiveInt] = Field(
        description="sizes of our own operations"
    )
    measure_seconds: PositiveFloat = Field(description="spent on each operation")
    samples: PositiveInt = Field(description="random numbers of each round trip")
    windows: PositiveInt = Field(description="windows of validation text for the integer cache")
    window_tokens: PositiveInt = Field(description="tokens of each; half are the prompt")
    parameters: PositiveFloat = Field(description="of the model that the parallel curves are of")
    workers: PositiveInt = Field(description="P of the tables on parallelism; divides 32 and 64")
    processes: Literal[2, 4, 8, 16] = Field(
        description="most processes that really pass messages, beside the curves"
    )
    requests: PositiveInt = Field(description="answers of the simulated service")
    mean_length: PositiveFloat = Field(description="tokens of an answer before the cut")
    longest: PositiveInt = Field(description="tokens at which an answer is cut")
    slots: PositiveInt = Field(description="sequences that advance together")
    step_seconds: PositiveFloat = Field(description="seconds of one token in all slots")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.rows) != {"batch", "seq_len", "width", "heads"}:
            raise ValueError(f"rows = {self.rows}: give batch, seq_len, width and heads")
        if self.rows["width"] not in (32 * self.rows["heads"], 64 * self.rows["heads"]):
            raise ValueError(f"rows: width = {self.rows['width']}: give 32 or 64 for each head")
        if self.rows["seq_len"] % 64:
            raise ValueError(f"rows: seq_len = {self.rows['seq_len']}: give a multiple of 64")
        if 8 % self.workers:
            raise ValueError(f"workers = {self.workers}: choose 1, 2, 4 or 8, which divide 8 heads")
        return self
