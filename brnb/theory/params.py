"""Parameters of the cost chapter."""

from collections.abc import Callable
from math import isclose
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from brnb.params import Params, Share
from brnb.theory.decision import CRITERIA
from brnb.theory.memory import Method, MicroBatch
from brnb.theory.shape import LLAMA_7B, LLAMA_8B, LLAMA_70B, Shape
from brnb.thesis import load

SHAPES = {
    "v6": Shape(**load("measured", "dissertation", "transformers", "v6_rc16k_v5b", "shape")),
    "llama2_7b": LLAMA_7B,
    "llama31_8b": LLAMA_8B,
    "llama31_70b": LLAMA_70B,
}
RISKS = ("Alto", "Médio", "Baixo")  # as Table 21 writes them


def _known(look_up: Callable[[str], Any]) -> AfterValidator:
    """Check that a value can be looked up in the facts; the message lists what can."""

    def check(value: str) -> str:
        try:
            look_up(value)
        except KeyError as error:
            raise ValueError(error.args[0]) from None
        return value

    return AfterValidator(check)


Gpu = Annotated[str, _known(lambda key: load("hardware", key))]


class Case(BaseModel):
    """A training to plan: `shape` is a name in `SHAPES`, or the sizes of a `Shape`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(min_length=1)
    shape: str | dict[str, Any]
    method: Method
    tokens: PositiveFloat
    batch: PositiveInt
    seq_len: PositiveInt
    gpu: Gpu
    count: PositiveInt

    @property
    def model(self) -> Shape:
        """The shape, looked up or built."""
        if isinstance(self.shape, str):
            return SHAPES[self.shape]
        return Shape(**self.shape)

    @property
    def step(self) -> MicroBatch:
        """One micro-batch of plain PyTorch, Transformers and PEFT."""
        return MicroBatch(method=self.method, batch=self.batch, seq_len=self.seq_len)

    @model_validator(mode="after")
    def _has_a_shape(self) -> Self:
        try:
            _ = self.model
        except KeyError:
            known = ", ".join(SHAPES)
            raise ValueError(f"shape {self.shape!r} is unknown; known: {known}") from None
        except TypeError as error:  # a size is missing or has another name
            raise ValueError(f"shape: {str(error).removeprefix('Shape.__init__() ')}") from None
        return self


class CostParams(Params):
    """Which prices to count with, what to plan, how to weigh strategies."""

    price_list: Annotated[str, _known(lambda key: load("prices", "usd_per_hour", key))] = Field(
        description="key of usd_per_hour in brnb/thesis/prices.yaml"
    )
    exchange_rate: Annotated[str, _known(lambda key: load("prices", "brl_per_usd", key))] = Field(
        description="key of brl_per_usd in brnb/thesis/prices.yaml"
    )
    grid: Annotated[str, _known(lambda key: load("grid", key))] = Field(
        description="key of brnb/thesis/grid.yaml: CO2 of a kWh"
    )

    gpus: list[Gpu] = Field(min_length=1, description="to ask Table 5's question for")
    cases: list[Case] = Field(min_length=1, description="trainings to plan")

    figure_gpu: Gpu = Field(description="GPU of the figure of cost against size; needs a price")
    tokens_per_parameter: PositiveFloat = Field(description="of training from scratch")
    adaptation_tokens: PositiveFloat = Field(description="of fine-tuning and QLoRA")

    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(description="of Eq. C.92")
    risk_values: dict[str, Share] = Field(description="numbers for the words of Table 21")
    weight_samples: PositiveInt = Field(description="draws from all possible weights")

    @model_validator(mode="after")
    def _names_are_complete(self) -> Self:
        for name, given, wanted in (
            ("weights", self.weights, CRITERIA),
            ("risk_values", self.risk_values, RISKS),
        ):
            if set(given) != set(wanted):
                raise ValueError(f"{name}: give a number for each of {', '.join(wanted)}")
        return self

    @model_validator(mode="after")
    def _weights_are_shares(self) -> Self:
        if not isclose(total := sum(self.weights.values()), 1):
            raise ValueError(f"weights: they add up to {total:g}; make it 1")
        return self

    @model_validator(mode="after")
    def _figure_has_a_price(self) -> Self:
        prices = load("prices", "usd_per_hour", self.price_list, "prices")
        if self.figure_gpu not in prices:
            raise ValueError(
                f"figure_gpu = {self.figure_gpu!r} has no price in brnb/thesis/prices.yaml, "
                f"usd_per_hour/{self.price_list}; it has: {', '.join(prices)}"
            )
        return self
