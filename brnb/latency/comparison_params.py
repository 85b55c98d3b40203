"""Parameters of chapter 17: its runner's and its trainings'; light, as `brnb.latency.params`."""

from typing import Annotated

from pydantic import Field

from brnb.latency.params import LatencyParams
from brnb.params import Name, Positive
from brnb.train.params import MoEParams


class MoEDenseParams(MoEParams, LatencyParams):
    """Chapter 17: the runner, and the trainings of a mixture and of its dense rivals."""

    training_seeds: Annotated[int, Field(ge=2)] = Field(
        description="trainings of each form and budget, of seeds seed, seed + 1…"
    )
    registers: dict[Name, str] = Field(
        description="by name, what is searched in a document's id and title"
    )
    register_documents: Positive = Field(description="test documents of each register")
    permutations: Annotated[int, Field(ge=20)] = Field(description="draws of chance")
    cost_tokens: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="tokens of a block whose routing is timed"
    )
    cost_width: Positive = Field(description="of the stream of that block")
    cost_hidden: Positive = Field(description="of each of its experts")
    cost_experts: Annotated[int, Field(ge=2)] = Field(description="of that block")
    cost_top_k: Positive = Field(description="experts of a token in it")

    @property
    def training(self) -> MoEParams:
        """The mixture, as one training is told."""
        return MoEParams(**{name: getattr(self, name) for name in MoEParams.model_fields})
