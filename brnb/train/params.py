"""Parameters of a training run; light, so that `brnb check` reads them without torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import NEUTRAL, Name, Params, Positive, Share


class TrainParams(Params):
    """What every training run from scratch is told, whatever the model."""

    tokenizer: Name = Field(description="which tokenizer of run 'tokenizer'")
    cleaning: Literal["early", "v6"] = Field(description="early: lower case, digits to 0")

    tokens: Positive = Field(description="tokens to train on, counted with repetition")
    batch_size: Positive = Field(description="sequences a step")
    seq_len: Annotated[int, Field(ge=2)] = Field(description="tokens a sequence")

    learning_rate: float = Field(gt=0, lt=1, description="peak, AdamW")
    final_learning_rate: Share = Field(description="end of the cosine, as a share of the peak")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        description="steps with a rising learning rate"
    )
    weight_decay: float = Field(ge=0, lt=1, description="of matrices only")
    grad_clip: float = Field(gt=0, description="largest norm of the gradient")

    precision: Literal["auto", "fp32", "bf16", "fp8"] = Field(
        description="fp8: in products; auto: bf16 if in hardware"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        description="auto: the GPU if there is one", json_schema_extra=NEUTRAL
    )
    log_every: Positive = Field(description="steps between points of the loss curve")
    evaluate_every: Positive = Field(description="steps between validation losses")
    checkpoint_seconds: float = Field(
        ge=0, description="time between checkpoints", json_schema_extra=NEUTRAL
    )

    validation_documents: Positive = Field(description="documents of the validation split to use")
    sample_tokens: Positive = Field(description="length of a sample", json_schema_extra=NEUTRAL)
    sample_seeds: Positive = Field(description="samples a prompt", json_schema_extra=NEUTRAL)
    temperature: float = Field(gt=0, le=2, description="of the samples", json_schema_extra=NEUTRAL)
    top_p: float = Field(
        gt=0, le=1, description="nucleus of the samples", json_schema_extra=NEUTRAL
    )

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one optimizer step sees."""
        return self.batch_size * self.seq_len

    @property
    def steps(self) -> int:
        """Optimizer steps that reach the token budget."""
        return -(-self.tokens // self.tokens_per_step)

    @model_validator(mode="after")
    def _evaluates_at_least_once(self) -> Self:
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"warmup_steps = {self.warmup_steps} of {self.steps} steps of tokens = "
                f"{self.tokens}: the rate would never reach its peak; lower it"
            )
        if self.evaluate_every > self.steps:
            raise ValueError(
                f"evaluate_every = {self.evaluate_every} is more than the {self.steps} steps of "
                f"tokens = {self.tokens}: lower it"
            )
        return self


class TransformerParams(TrainParams):
    """v5 and v6: a Transformer whose context is the training's sequence (`Choices`)."""

    width: Positive = Field(description="of the residual stream")
    layers: Positive = Field(description="blocks")
    heads: Positive = Field(description="divides half the width")
    kv_heads: Positive = Field(description="divides heads; fewer: grouped-query attention")
    hidden: Positive = Field(description="width inside the MLP")
    norm: Literal["layernorm", "rmsnorm"]
    position: Literal["learned", "rope"]
    mlp: Literal["gelu", "swiglu", "relu2"]
    bias: bool = Field(description="of linear maps and LayerNorm")
    tied: bool = Field(description="the head is the embedding")
    dropout: float = Field(ge=0, lt=1, description="of the embeddings and of what blocks add")

    def choices(self, vocab_size: int) -> dict[str, Any]:
        """The form of the model, as arguments of `TransformerLM`."""
        form = set(TransformerParams.model_fields) - set(TrainParams.model_fields)
        values = {name: getattr(self, name) for name in sorted(form)}
        return values | {"vocab_size": vocab_size, "context": self.seq_len}

    @model_validator(mode="after")
    def _heads_and_samples_fit(self) -> Self:
        for name, holds, rule in (
            ("width", self.width % (2 * self.heads) == 0, f"a multiple of 2 * {self.heads} heads"),
            ("kv_heads", self.heads % self.kv_heads == 0, f"a divisor of heads = {self.heads}"),
            ("sample_tokens", self.sample_tokens < self.seq_len, f"less than {self.seq_len=}"),
        ):
            if not holds:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be {rule}")
        return self


class Recipe(BaseModel):
    """How v7 trains, whatever the model's form: two optimizers, a trapezoid, another start."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    zero_init: bool = Field(description="projections into the stream and untied heads start at 0")
    embedding_std: float = Field(gt=0, description="of the token embeddings at the start")

    optimizer: Literal["adamw", "muon", "normuon"] = Field(description="of the hidden matrices")
    matrix_learning_rate: float = Field(gt=0, lt=1, description="peak, hidden matrices")
    embedding_learning_rate: float = Field(gt=0, lt=1, description="peak, embeddings")
    schedule: Literal["cosine", "trapezoid"]
    cooldown: Share = Field(description="share of the steps in which a trapezoid falls")

    @property
    def start(self) -> dict[str, Any]:
        """How weights begin, as arguments of `TransformerLM`."""
        return {"zero_init": self.zero_init, "embedding_std": self.embedding_std}


class V6Params(TransformerParams):
    """v6; in its form, which Llama's format can express, v7's way to train it."""

    recipe: Recipe | None = Field(description="as chapter 10 trains; None: AdamW and a cosine")

    def choices(self, vocab_size: int) -> dict[str, Any]:
        """Form, and the start that the recipe asks for, as arguments of `TransformerLM`."""
        return super().choices(vocab_size) | (self.recipe.start if self.recipe else {})


class ModernParams(TransformerParams, Recipe):
    """v7: a Transformer of the modern recipe, in form and in training."""

    qk_norm: bool = Field(description="queries and keys of unit root mean square")
    value_embeddings: bool = Field(description="in the values of every second block")
    attention_gate: bool = Field(description="on the output of every head")
    input_skip: bool = Field(description="every block also reads the embeddings")
    softcap: Annotated[float, Field(gt=0)] | None = Field(description="largest logit; None: any")

    def choices(self, vocab_size: int) -> dict[str, Any]:
        """Form, start and the modern parts, as arguments of `TransformerLM`."""
        modern = "qk_norm", "value_embeddings", "attention_gate", "input_skip", "softcap"
        common = super().choices(vocab_size) | self.start
        return common | {name: getattr(self, name) for name in modern}


class MoEParams(TransformerParams):
    """A Transformer whose MLPs are mixtures of experts; `hidden` is the width inside each."""

    dense: bool = Field(description="one MLP of width hidden instead; the rest is then ignored")
    experts: Annotated[int, Field(ge=2)] = Field(description="in every block")
    top_k: Positive = Field(description="experts a token goes to")
    router: Literal["softmax", "sigmoid"] = Field(description="Mixtral's or DeepSeek V3's")
    shared_hidden: Annotated[int, Field(ge=0)] = Field(
        description="width inside an expert for all tokens; 0: none"
    )
    groups: Positive = Field(description="of experts; 1: none")
    top_groups: Positive = Field(description="groups that a token's experts are from")
    balance_loss: float = Field(ge=0, lt=1, description="coefficient; 0: no such loss")
    bias_rate: float = Field(ge=0, lt=1, description="step of the balancing bias; sigmoid only")

    def choices(self, vocab_size: int) -> dict[str, Any]:
        """Form with its mixture, as arguments of `TransformerLM`."""
        if self.dense:
            return super().choices(vocab_size)
        same = (
            *("top_k", "router", "shared_hidden", "groups", "top_groups"),
            *("balance_loss", "bias_rate"),
        )
        mixture = {name: getattr(self, name) for name in same}
        return super().choices(vocab_size) | {"experts": {"count": self.experts} | mixture}


class RecurrentParams(TrainParams):
    """v1–v4: a recurrent language model."""

    cell: Literal["lstm", "gru"]
    hidden_size: Positive = Field(description="width of a layer's state")
    layers: Positive = Field(description="stacked on each other")
    embedding_size: Positive = Field(description="width of the embeddings")
    dropout: float = Field(ge=0, lt=1, description="of embeddings, between layers, before the head")
