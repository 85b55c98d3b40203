"""Parameters of the ablation tokenizer × architecture; light, free of torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import Name, Positive, validate
from brnb.train.params import RecurrentParams, TrainParams, TransformerParams

ArchitectureName = Literal["lstm", "transformer"]
COMMON = {"final_learning_rate": 0.1, "weight_decay": 0.1, "grad_clip": 1.0, "dropout": 0.0}
LLAMA = {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "bias": False, "tied": True}
SHORT = {"log_every": 10**9, "evaluate_every": 1, "checkpoint_seconds": 1e9}


class Factorial(BaseModel):
    """Every tokenizer with every architecture: at equal tokens, then in equal time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tokenizers: Annotated[list[Name], Field(min_length=2)] = Field(
        description="from the finest to the coarsest"
    )
    cleaning: Literal["early", "v6"] = Field(description="text of all trainings")
    tokens: Positive = Field(description="of every training at equal tokens")
    batch_size: Positive = Field(description="sequences a step")
    seq_len: Annotated[int, Field(ge=2)] = Field(description="tokens a sequence")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        description="steps with a rising learning rate"
    )
    learning_rates: dict[ArchitectureName, list[float]] = Field(
        description="by architecture: peaks to choose from on validation, for every tokenizer"
    )
    lstm: dict[str, int] = Field(description="hidden_size, layers, embedding_size")
    transformer: dict[str, int] = Field(description="width, layers, heads, kv_heads, hidden")
    seeds: Annotated[int, Field(ge=2)] = Field(description="trainings of every pair")
    documents: Positive = Field(description="of validation and of test that measure them")
    sample_tokens: Positive = Field(description="length of a sample")
    sample_seeds: Annotated[int, Field(ge=2)] = Field(description="samples a prompt")

    def training(
        self, tokenizer: str, architecture: str, rate: float, seed: int, tokens: int, lang: str
    ) -> TrainParams:
        """One training of a pair.

        Raises
        ------
        ValueError
            If a form's values are unknown or do not fit each other.
        """
        shared = {"profile": "study", "run_id": "factorial", "lang": lang, "seed": seed}
        shared |= {"tokenizer": tokenizer, "cleaning": self.cleaning, "tokens": tokens}
        shared |= {name: getattr(self, name) for name in ("batch_size", "seq_len", "warmup_steps")}
        shared |= {name: getattr(self, name) for name in ("sample_tokens", "sample_seeds")}
        shared |= COMMON | SHORT | {"learning_rate": rate, "precision": "auto", "device": "auto"}
        shared |= {"validation_documents": self.documents, "temperature": 0.7, "top_p": 0.95}
        values: dict[str, Any] = shared
        if architecture == "lstm":
            return validate(RecurrentParams, values | {"cell": "lstm"} | self.lstm, "factorial")
        return validate(TransformerParams, values | LLAMA | self.transformer, "factorial")

    @model_validator(mode="after")
    def _both_architectures_can_be_built(self) -> Self:
        if missing := {"lstm", "transformer"} - set(self.learning_rates):
            raise ValueError(f"learning_rates: give some for {', '.join(sorted(missing))} too")
        for architecture, rates in self.learning_rates.items():
            for rate in rates or (0.0,):
                self.training(self.tokenizers[0], architecture, rate, 0, self.tokens, "pt")
        return self
