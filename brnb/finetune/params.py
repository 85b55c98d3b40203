"""Parameters of Track 2's trainings; light, so that `brnb check` reads them without torch."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brnb.bases.params import BaseParams
from brnb.params import NEUTRAL, Positive, Share

Map = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class FinetuneParams(BaseParams):
    """What every QLoRA training is told (thesis 3.4 and 4.3.2; Dettmers et al., 2023)."""

    start: str | None = Field(
        description="run:<run> or a folder, with an adapter to train on; None: new"
    )
    rank: Positive = Field(description="of the adapters")
    alpha: Positive = Field(description="the adapters count alpha / rank")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="before the adapters")
    target_modules: Annotated[list[Map], Field(min_length=1)] = Field(
        description="linear maps with an adapter"
    )

    seq_len: Annotated[int, Field(ge=2)] = Field(description="tokens a pack holds at most")
    packs_per_step: Positive = Field(description="packs an optimizer step")
    epochs: Positive = Field(description="passes over the training split")

    learning_rate: float = Field(gt=0, lt=1, description="peak, AdamW")
    final_learning_rate: Share = Field(description="end of the cosine, as a share of the peak")
    warmup: Share = Field(description="share of the steps with a rising learning rate")
    weight_decay: float = Field(ge=0, lt=1, description="of the adapters")
    grad_clip: float = Field(gt=0, description="largest norm of the gradient")

    memory_limit_gib: float | None = Field(
        gt=0, description="of the GPU; None: all that is free", json_schema_extra=NEUTRAL
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        description="auto: the GPU if there is one", json_schema_extra=NEUTRAL
    )
    log_every: Positive = Field(description="steps between points of the loss curve")
    evaluate_every: Positive = Field(description="steps between validation losses")
    checkpoint_seconds: float = Field(
        ge=0, description="time between checkpoints", json_schema_extra=NEUTRAL
    )

    near_duplicate: float = Field(
        gt=0, le=1, description="Jaccard index of word 5-grams from which two texts overlap"
    )


class CptParams(FinetuneParams):
    """Continued pre-training on raw text."""

    cleaning: Literal["early", "v6"] = Field(description="which form of the corpus")
    documents_from: Literal["train", "validation"] = Field(
        description="split that training draws from"
    )
    documents: Positive | None = Field(description="drawn to train on; None: all")
    validation_documents: Positive | None = Field(
        description="drawn from the validation split; None: all"
    )

    @model_validator(mode="after")
    def _leaves_documents_to_train_on(self) -> Self:
        if self.documents_from == "validation" and self.validation_documents is None:
            raise ValueError(
                "documents_from: validation trains on what validation leaves: set "
                "validation_documents to a number"
            )
        return self


class SftParams(FinetuneParams):
    """Supervised fine-tuning on instruction pairs."""

    instructions: str = Field(
        min_length=1,
        description="sample, hf:<name>[:<split>], or a file or folder of JSONL or Parquet",
    )
    pairs: Positive | None = Field(description="drawn from the source; None: all")
    validation_share: float = Field(gt=0, lt=0.5, description="share of the pairs")
    test_share: float = Field(gt=0, lt=0.5, description="share of the pairs")
