"""Parameters of the trainings that compare architectures; light, free of torch."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.models.choices import Choices
from brnb.params import ParameterError, Positive, nearest, validate
from brnb.train.params import TransformerParams

ChoiceValues = dict[str, Any]  # choices by name, as `Choices` takes them, and values of `OPTIMIZED`
OPTIMIZED = (
    "learning_rate",
    "warmup_steps",
)  # what a form may need to train at all, a post-norm's too
NOMINAL_VOCABULARY = 256  # to check forms before a tokenizer is known


class FormParams(TransformerParams):
    """One training of a Transformer, of any choices."""

    form: ChoiceValues = Field(
        description="choices beside those of the other parameters, or for them"
    )

    def choices(self, vocab_size: int) -> dict[str, Any]:
        """The form of the model, as arguments of `TransformerLM`."""
        return super().choices(vocab_size) | self.form


class Stability(BaseModel):
    """The sweep of learning rates that shows what a norm of queries and keys is for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    learning_rates: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=2)] = (
        Field(description="peaks, rising")
    )
    forms: dict[str, ChoiceValues] = Field(
        description="by name: choices that differ from the base's"
    )
    tokens: Positive = Field(description="of every training")
    seeds: Positive = Field(description="trainings of a form at a rate")

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        if self.learning_rates != sorted(set(self.learning_rates)):
            raise ValueError(f"learning_rates = {self.learning_rates}: sort them, each once")
        return self


class ArchitectureParams(TransformerParams):
    """A base, and what differs from it: each variant with as many parameters and tokens."""

    variants: dict[str, dict[str, ChoiceValues]] = Field(
        description="by group, by name: choices unlike the base's, learning_rate, warmup_steps"
    )
    variant_seeds: Annotated[int, Field(ge=3)] = Field(description="trainings a variant")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals")
    decoded_tokens: Positive = Field(
        description="written to measure decoding, after half a context"
    )
    decoded_sequences: Positive = Field(description="written at once")
    stability: Stability = Field(description="sweep of learning rates with and without QK-norm")

    def training(self, form: ChoiceValues, seed: int, **changes: Any) -> FormParams:
        """One training of the base with other choices, evaluated once, in the end.

        Parameters
        ----------
        form
            Choices of the model, and values of `OPTIMIZED` parameters.
        seed
            Of the training.
        **changes
            Other parameters, which go before those of the form.

        Raises
        ------
        ParameterError
            If choices or changes are unknown, out of range, or do not fit each other.
        """
        told = {name: getattr(self, name) for name in TransformerParams.model_fields}
        choices = {name: value for name, value in form.items() if name not in OPTIMIZED}
        optimized = {name: form[name] for name in OPTIMIZED if name in form}
        told |= {"form": choices, "seed": seed, "evaluate_every": 1} | optimized
        checked = validate(FormParams, told | changes, f"form {form}")
        require_known(choices)
        Choices(**checked.choices(NOMINAL_VOCABULARY))
        return checked.model_copy(update={"evaluate_every": checked.steps})

    @model_validator(mode="after")
    def _every_form_can_be_built(self) -> Self:
        forms = {"stability": self.stability.forms, **self.variants}
        for group, members in forms.items():
            for name, form in members.items():
                try:
                    self.training(form, self.seed)
                except ValueError as error:
                    raise ValueError(f"{group}.{name}: {error}") from error
        if self.decoded_tokens > self.seq_len // 2:
            raise ValueError(
                f"decoded_tokens = {self.decoded_tokens}: after half a context of seq_len = "
                f"{self.seq_len} there is room for {self.seq_len // 2}; lower it"
            )
        return self


def require_known(form: ChoiceValues) -> None:
    """Raise ParameterError if a form names what is no choice; says the nearest that is."""
    known = set(Choices.__dataclass_fields__)
    for name in form:
        if name not in known - {"vocab_size", "context"}:
            raise ParameterError(f"{name}: no choice of a Transformer{nearest(name, known)}")
