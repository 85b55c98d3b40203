"""Parameters of the contest of two ways to train; light, free of torch."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import Positive

Trial = dict[str, Any]


class Contest(BaseModel):
    """Two rivals, each tuned with as many trials, then raced at equal tokens, FLOP and seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    candidates: dict[str, list[Trial]] = Field(
        description="by rival, baseline or challenger: parameters to try, rate, warm-up and batch"
    )
    tuning_tokens: Positive = Field(description="of every trial")
    tokens: Positive = Field(description="of the challenger in the race")
    seeds: Annotated[int, Field(ge=2)] = Field(description="trainings of every entry")
    documents: Positive = Field(description="of validation and of test that measure them")

    @model_validator(mode="after")
    def _both_are_tuned_alike(self) -> Self:
        if set(self.candidates) != {"baseline", "challenger"}:
            raise ValueError("candidates: name those of baseline and of challenger, and no others")
        counts = {name: len(tried) for name, tried in self.candidates.items()}
        if len(set(counts.values())) > 1 or not min(counts.values()):
            raise ValueError(f"candidates: as many trials for both, and at least one, not {counts}")
        return self
