"""Parameters of the chapters that compare our own models: 10, 11 and 22."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import Name, Params, Positive, validate
from brnb.studies.contest_params import Contest
from brnb.studies.factorial_params import Factorial
from brnb.train.params import ModernParams


class AblationParams(ModernParams):
    """Chapter 10: v7, and what each ingredient of its recipe is worth."""

    baseline: Name = Field(description="run to beat")
    ablation: dict[str, dict[str, Any]] = Field(
        description="by ingredient: the parameters that remove it from the recipe"
    )
    ablation_seeds: Annotated[int, Field(ge=3)] = Field(description="trainings a row")
    ablation_tokens: Positive = Field(description="of each of them")
    ablation_documents: Positive = Field(description="validation documents that measure them")
    contest: Contest = Field(description="race with the baseline, both tuned alike")
    unseen: Annotated[str, Field(min_length=1)] = Field(
        description="text of registers that the corpus does not have; sample, or as the corpus"
    )
    unseen_documents: Annotated[int, Field(ge=2)] = Field(description="of it, drawn")

    @property
    def recipe(self) -> ModernParams:
        """The whole recipe, as one training is told."""
        return ModernParams(**{name: getattr(self, name) for name in ModernParams.model_fields})

    def without(self, ingredient: str | None, seed: int) -> ModernParams:
        """A short training of the recipe without an ingredient, evaluated once, in the end.

        Raises
        ------
        ParameterError
            If the parameters that remove it are unknown, out of range or do not fit each other.
        """
        short = {"tokens": self.ablation_tokens, "evaluate_every": 1, "seed": seed}
        short |= {"validation_documents": self.ablation_documents}
        change = self.ablation[ingredient] if ingredient else {}
        values = self.recipe.model_dump() | short | change
        shortened = validate(ModernParams, values, f"ablation of {ingredient}")
        return shortened.model_copy(update={"evaluate_every": shortened.steps})

    @model_validator(mode="after")
    def _every_ingredient_can_be_removed(self) -> Self:
        for ingredient in self.ablation:
            self.without(ingredient, self.seed)
        return self


class ResultsParams(Params):
    """Chapter 11: Track 1's runs compared on one scale, and tokenizers against architectures."""

    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over documents")
    reference_documents: Annotated[int, Field(gt=0)] = Field(
        description="validation documents measured as if they were samples"
    )
    top_ps: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        description="nuclei of the samples that are drawn again"
    )
    top_p_runs: list[Name] = Field(description="runs whose samples are drawn again")
    factorial: Factorial = Field(description="every tokenizer with every architecture")


class Size(BaseModel):
    """One size of the scaling sweep; the rest of its shape follows from the base run's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: Annotated[int, Field(gt=0)]
    layers: Annotated[int, Field(gt=0)]


class IsoFlop(BaseModel):
    """Sizes at budgets of operations, for the laws of Hoffmann et al."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sizes: Annotated[list[Size], Field(min_length=3)] = Field(description="from the smallest up")
    flops: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3)] = Field(
        description="operations of a training, rising"
    )
    least_steps: Annotated[int, Field(ge=2)] = Field(
        description="of a training; a size that cannot afford them is left out of a budget"
    )
    learning_rates: Annotated[list[float], Field(min_length=1)] = Field(
        description="peaks at the width of the base, to choose from for every size"
    )
    seeds_at_ends: Positive = Field(description="trainings of the smallest and the largest size")
    documents: Positive = Field(description="of validation and of test that measure them")
    draws: Annotated[int, Field(ge=20)] = Field(description="resamples of the trainings")

    @model_validator(mode="after")
    def _budgets_rise(self) -> Self:
        if self.flops != sorted(set(self.flops)):
            raise ValueError(f"flops = {self.flops}: sort them, each once")
        return self


class ScalingParams(Params):
    """Chapter 22: the scaling sweep, and sizes at equal compute."""

    sizes: Annotated[list[Size], Field(min_length=5)] = Field(description="width and layers")
    repeats: Annotated[int, Field(gt=0)] = Field(
        description="trainings a size, of seeds seed, seed + 1…"
    )
    tokens: Annotated[int, Field(gt=0)] = Field(description="of every training")
    learning_rate: float = Field(gt=0, lt=1, description="peak, at the width of the base")
    evaluate_every: Annotated[int, Field(gt=0)] = Field(description="steps, as in training")
    isoflop: IsoFlop = Field(description="sizes at budgets of operations")
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals")
