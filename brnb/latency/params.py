"""Which models chapter 17 times, and how; light, so that `brnb check` reads it without torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brnb.params import Name, Params, Positive

Weights = Literal["fp32", "bf16", "int8", "nf4"]


class Contestant(BaseModel):
    """A model to be timed: from the hub, from a folder, or random weights in a shape."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="in tables and figures")
    family: Literal["dense", "moe"]
    weights: Weights = Field(description="how the maps of the blocks are kept")
    base: str | None = Field(default=None, description="a local folder or a hub id")
    revision: str | None = Field(default=None, description="commit of a base from the hub")
    shape: str | None = Field(default=None, description="key of shapes: random weights")
    experts: Literal["eager", "grouped_mm", "batched_mm"] | None = Field(
        default=None, description="transformers' way through the experts; None: its own choice"
    )

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if (self.base is None) == (self.shape is None):
            raise ValueError(f"{self.name}: give either base or shape")
        return self


class Pairing(BaseModel):
    """Models whose difference is put down to the architecture: families, or two equal ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name = Field(description="label of the comparison")
    moe: Annotated[list[Name], Field(min_length=1)]
    dense: Annotated[list[Name], Field(min_length=1)]


class LatencyParams(Params):
    """The runner's part of chapter 17."""

    shapes: dict[Name, dict[str, Any]] = Field(
        description="fields of transformers' configurations, model_type among them"
    )
    contestants: Annotated[list[Contestant], Field(min_length=2)] = Field(
        description="models to time, in this order"
    )
    pairings: Annotated[list[Pairing], Field(min_length=1)] = Field(
        description="MoE and dense models that are compared"
    )
    vocabulary: Name = Field(description="tokenizer of run 'tokenizer' for random weights")
    items_per_task: Positive = Field(
        description="of each kind, those about a text first; 10 is all"
    )
    external: dict[Name, str] = Field(description="other benchmarks: JSON Lines by name")
    external_items: Positive = Field(description="items asked of each of them, drawn by hash")
    new_tokens: dict[Literal["dosmi_v2", "expertise_map", "external"], Positive] = Field(
        description="tokens that every answer has, by benchmark"
    )
    warm_up: Positive = Field(description="answers that are not timed, of every model")
    repeats: Annotated[int, Field(ge=2)] = Field(description="times that an item is timed")
    execute_code: bool = Field(description="run the programs of answers, in a sandbox")
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU if there is one")
    resamples: Annotated[int, Field(ge=100)] = Field(description="draws of each bootstrap")
    confidence: float = Field(gt=0.5, lt=1, description="of the intervals over items")

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [contestant.name for contestant in self.contestants]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"contestants: {', '.join(sorted(twice))} stands there twice")
        for contestant in self.contestants:
            if contestant.shape is not None and contestant.shape not in self.shapes:
                raise ValueError(f"{contestant.name}: no shape {contestant.shape!r} in shapes")
        for name, shape in self.shapes.items():
            if not shape.get("model_type"):
                raise ValueError(f"shapes, {name}: model_type is missing: add the family")
            for field, value in shape.items():
                if isinstance(value, int) and value < 0:
                    raise ValueError(f"shapes, {name}: {field} = {value} is negative: correct it")
        for pairing in self.pairings:
            if unknown := {*pairing.moe, *pairing.dense} - set(names):
                raise ValueError(f"pairing {pairing.name}: no contestant {', '.join(unknown)}")
        if missing := {"dosmi_v2", "expertise_map", "external"} - self.new_tokens.keys():
            raise ValueError(f"new_tokens: no number for {', '.join(sorted(missing))}")
        return self
