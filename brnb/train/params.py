"""Parameters of a training run; light, so that `brnb check` reads them without torch."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brnb.params import Name, Params

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class TrainParams(Params):
    """What every training run from scratch is told, whatever the model."""

    tokenizer: Name = Field(description="which tokenizer of run 'tokenizer'")
    cleaning: Literal["early", "v6"] = Field(description="early: lower case, digits to 0")

    tokens: Positive = Field(description="tokens to train on, counted with repetition")
    batch_size: Positive = Field(description="sequences a step")
    seq_len: Annotated[int, Field(ge=2)] = Field(description="tokens a sequence")

    learning_rate: float = Field(gt=0, lt=1, description="peak, AdamW")
    final_learning_rate: Share = Field(description="end of the cosine, as a share of the peak")
    warmup: Share = Field(description="share of the steps with a rising learning rate")
    weight_decay: float = Field(ge=0, lt=1, description="of matrices only")
    grad_clip: float = Field(gt=0, description="largest norm of the gradient")

    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 where the processor has it in hardware"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU if there is one")
    log_every: Positive = Field(description="steps between points of the loss curve")
    evaluate_every: Positive = Field(description="steps between validation losses")
    checkpoint_seconds: float = Field(ge=0, description="time between checkpoints")

    validation_documents: Positive = Field(description="documents of the validation split to use")
    sample_tokens: Positive = Field(description="length of a sample")
    sample_seeds: Positive = Field(description="samples a prompt")
    temperature: float = Field(gt=0, le=2, description="of the samples")
    top_p: float = Field(gt=0, le=1, description="nucleus of the samples")

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
        if self.evaluate_every > self.steps:
            raise ValueError(
                f"evaluate_every = {self.evaluate_every} is more than the {self.steps} steps of "
                f"tokens = {self.tokens}: lower it"
            )
        return self


class RecurrentParams(TrainParams):
    """v1–v4: a recurrent language model."""

    cell: Literal["lstm", "gru"]
    hidden_size: Positive
    layers: Positive
    embedding_size: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
