"""Parameters of the rarity chapter."""

from typing import Annotated, Literal

from pydantic import Field

from brnb.params import Params

Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]


class RarityParams(Params):
    """How the score is read, and what is chosen by it."""

    context_weight: Literal["length", "inverse_frequency"] = Field(
        description="of a context, before normalisation"
    )
    attention_mean: Literal["models", "values"] = Field(
        description="what the mean of the attention weights runs over"
    )
    class_8b: Bounds = Field(description="billions of parameters, both bounds included")
    class_70b: Bounds = Field(description="billions of parameters, both bounds included")
    top_n: int = Field(ge=1, description="models chosen by score in each size class")
    baselines: list[str] = Field(description="names in brnb/thesis/models.csv, always chosen")
    band_quantiles: Bounds = Field(description="from which a score is moderate, and high")
    random_sets: int = Field(ge=10, le=100_000, description="random choices to compare with")
    resamples: int = Field(ge=10, le=100_000, description="bootstrap samples of the table")
