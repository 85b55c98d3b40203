"""Parameters of chapter 14, which varies the supervised fine-tuning.

Apart from those of the chapters on our own models, which no change of a fine-tuning concerns.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from brnb.finetune.params import SftParams
from brnb.params import Name, Params, Positive, nearest, validate


class Ablation(BaseModel):
    """A variant of the supervised fine-tuning: what is different from run `sft`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    changes: dict[str, Any]

    @field_validator("changes")
    @classmethod
    def _names_parameters(cls, changes: dict[str, Any]) -> dict[str, Any]:
        data = {"instructions", "pairs", "validation_share", "test_share", "near_duplicate"}
        known = set(SftParams.model_fields) - data - {"profile", "run_id", "lang"}
        for name in changes.keys() - known:
            raise ValueError(f"{name} cannot be varied{nearest(name, known)}")
        return changes


class AdaptationParams(Params):
    """Chapter 14: what adaptation changed, and what of it matters."""

    cpt_run: Name = Field(description="run of the continued pretraining")
    sft_run: Name = Field(description="run of the supervised fine-tuning")
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over documents")
    questions: Positive = Field(description="validation prompts that base and adapted answer")
    max_new_tokens: Positive = Field(description="of an answer")
    openings: Annotated[int, Field(gt=1)] = Field(
        description="validation documents of the CPT whose beginning base and adapted go on with"
    )
    opening_tokens: Positive = Field(description="of a beginning, and of what follows")
    ablations: list[Ablation] = Field(description="variants of the supervised fine-tuning")


def variant_params(params: SftParams, ablation: Ablation) -> SftParams:
    """The parameters of a variant, validated.

    Raises
    ------
    ParameterError
        If a changed value is of the wrong type or out of range.
    """
    values = params.model_dump() | {"run_id": ablation.name} | ablation.changes
    return validate(SftParams, values, where=f"ablation {ablation.name}")
