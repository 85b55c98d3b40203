"""What a training will take: memory, hours, money, energy, CO2, on any GPU of hardware.yaml."""

from dataclasses import dataclass, replace
from decimal import Decimal

from brnb.theory.compute import flops_per_token, training_hours
from brnb.theory.costs import PRICE_LIST, Number, energy_bound_kwh, exact, gpu_cost
from brnb.theory.lora import lora_parameters
from brnb.theory.memory import GIB, Memory, Step, fewest_recomputed, memory
from brnb.theory.shape import Shape
from brnb.thesis import load

GRID = "brazil_sin_2023"


@dataclass(frozen=True)
class Plan:
    """Prediction for one training.

    Attributes
    ----------
    memory, fits
        Peak of a step on each GPU, and whether the GPU has it. The makers' GB are counted as GiB,
        which they are on every board of the list but the H200 (141 GB are 140 GiB).
    recomputed
        Layers that the step recomputes: as few as fit, all if nothing fits.
    hours
        From start to end, with all GPUs.
    usd
        Price of all GPUs; None if the price list lacks the GPU.
    kwh, kg_co2
        At the power limit all the time: an upper bound for the GPUs, without the rest of the host.
    """

    memory: Memory
    fits: bool
    recomputed: int
    hours: float
    usd: Decimal | None
    kwh: Decimal
    kg_co2: Decimal


def plan(
    shape: Shape,
    step: Step,
    tokens: float,
    gpu: str,
    utilization: float,
    *,
    count: int = 1,
    price_list: str = PRICE_LIST,
) -> Plan:
    """Predict memory, time and cost of a training, and whether it fits (Table 5 for any GPU).

    Parameters
    ----------
    shape : Shape
        The model.
    step : Step
        Method and micro-batch; how many layers to recompute is chosen here.
    tokens : float
        Tokens of the whole training.
    gpu : str
        Key of brnb/thesis/hardware.yaml.
    utilization : float
        Share of the GPU's bf16 peak that the step's operations reach, recomputation included.
    count : int
        GPUs, each with a copy of the model (data parallelism).
    price_list : str
        Key of ``usd_per_hour`` in brnb/thesis/prices.yaml.

    Raises
    ------
    KeyError
        If the GPU or the price list is not there; lists those that are.
    ValueError
        If the utilisation is not above 0 and at most 1.
    """
    facts = load("hardware", gpu)
    fewest = fewest_recomputed(shape, step, int(facts["memory_gb"] * GIB))
    again = shape.layers if fewest is None else fewest
    adapters = 0 if step.full else lora_parameters(shape, step.rank, step.maps)
    flops = flops_per_token(
        shape,
        step.seq_len,
        "full" if step.full else "lora",
        adapters=adapters,
        recomputed=again / shape.layers,
    )
    hours = training_hours(tokens, flops, gpu, utilization, count)
    price = load("prices", "usd_per_hour", price_list, "prices").get(gpu)
    kwh = energy_bound_kwh(hours * count, facts["power_w"])
    return Plan(
        memory=memory(shape, replace(step, recomputed=again)),
        fits=fewest is not None,
        recomputed=again,
        hours=hours,
        usd=None if price is None else gpu_cost(hours * count, price),
        kwh=kwh,
        kg_co2=kg_co2(kwh),
    )


def kg_co2(kwh: Number, grid: str = GRID) -> Decimal:
    """CO2 in kg of that energy, by the emission factor of a grid of brnb/thesis/grid.yaml."""
    return exact(kwh) * exact(load("grid", grid, "kg_co2_per_kwh"))
