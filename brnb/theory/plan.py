"""What a training will take: memory, hours, money, energy, CO2, on any GPU of hardware.yaml."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from brnb.theory.compute import flops_per_token, mfu
from brnb.theory.costs import PRICE_LIST, Number, energy_bound_kwh, exact, gpu_cost
from brnb.theory.lora import lora_parameters
from brnb.theory.memory import GIB, Memory, MicroBatch, fewest_recomputed, memory
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, kind_of, predict, transformer_work
from brnb.thesis import load

GRID = "brazil_sin_2023"
PROGRAM = "brnb"  # whose speed is planned with


@dataclass(frozen=True)
class Plan:
    """The prediction of memory, time and cost for one training.

    Attributes
    ----------
    memory, fits
        Peak of a step on each GPU, and whether the GPU has it. The makers' GB are counted as GiB,
        which they are on every board of the list but the H200 (141 GB are 140 GiB).
    recomputed
        Layers that the step recomputes: as few as fit, all if nothing fits.
    hours
        From start to end, with all GPUs.
    utilization
        Model FLOPs utilisation that these hours are (recomputation left out).
    evidence
        Trainings of this program, GPU and kind that the hours were scaled by; 0: the fit to all
        measured trainings stands as it is.
    usd
        Price of all GPUs; None if the price list lacks the GPU.
    kwh, kg_co2
        At the power limit all the time: an upper bound for the GPUs, without the rest of the host.
    """

    memory: Memory
    fits: bool
    recomputed: int
    hours: float
    utilization: float
    evidence: int
    usd: Decimal | None
    kwh: Decimal
    kg_co2: Decimal


def plan(
    shape: Shape,
    step: MicroBatch,
    tokens: float,
    gpu: str,
    measured: Sequence[Measured],
    *,
    count: int = 1,
    price_list: str = PRICE_LIST,
    grid: str = GRID,
) -> Plan:
    """Predict memory, time and cost of a training, and whether it fits (Table 5 for any GPU).

    Parameters
    ----------
    shape
        The model.
    step
        Method and micro-batch; how many layers to recompute is chosen here.
    tokens
        Tokens of the whole training.
    gpu
        Key of brnb/thesis/hardware.yaml.
    measured
        Trainings to learn the speed from, see `brnb.theory.speed.predict`.
    count
        GPUs, each with a copy of the model (data parallelism), that scale without loss.
    price_list, grid
        Keys of ``usd_per_hour`` in brnb/thesis/prices.yaml, and of grid.yaml.

    Raises
    ------
    KeyError
        If the GPU, the price list or the grid is not there; lists those that are.
    ValueError
        If tokens or count are not above 0, or nothing was measured.
    """
    if tokens <= 0 or count < 1:
        raise ValueError(f"tokens = {tokens}, count = {count}: both must be above 0")
    facts = load("hardware", gpu)
    fewest = fewest_recomputed(shape, step, int(facts["memory_gb"] * GIB))
    chosen = replace(step, recomputed=shape.layers if fewest is None else fewest)
    work = transformer_work(shape, chosen, gpu, recorded=step.full)
    speed = predict(work, gpu, kind_of(step), PROGRAM, measured)
    hours = tokens * speed.seconds / count / 3600
    price = load("prices", "usd_per_hour", price_list, "prices").get(gpu)
    kwh = energy_bound_kwh(hours * count, facts["power_w"])
    return Plan(
        memory=memory(shape, chosen),
        fits=fewest is not None,
        recomputed=chosen.recomputed or 0,
        hours=hours,
        utilization=mfu(1 / speed.seconds, _flops(shape, step), float(facts["bf16_tflops"])),
        evidence=speed.evidence,
        usd=None if price is None else gpu_cost(hours * count, price),
        kwh=kwh,
        kg_co2=kg_co2(kwh, grid),
    )


def _flops(shape: Shape, step: MicroBatch) -> float:
    if step.full:
        return flops_per_token(shape, step.seq_len)
    adapters = lora_parameters(shape, step.rank, step.maps)
    return flops_per_token(shape, step.seq_len, "lora", adapters=adapters)


def kg_co2(kwh: Number, grid: str = GRID) -> Decimal:
    """CO2 in kg of that energy, by the emission factor of a grid of brnb/thesis/grid.yaml."""
    return exact(kwh) * exact(load("grid", grid, "kg_co2_per_kwh"))
