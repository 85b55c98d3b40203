"""Portuguese models and national programmes: what their published numbers imply, recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brnb.theory.compute import gpu_seconds, mfu, training_flops
from brnb.theory.costs import price_list_for, price_of, rate, to_brl
from brnb.thesis import load

H200 = "NVIDIA H200"  # as its driver names it
ProgrammeRow = Mapping[str, Any]


@dataclass(frozen=True)
class Implied:
    """What follows from a model's published numbers.

    Attributes
    ----------
    name, source
        The model and where the numbers stand, by language.
    gpu_hours, tokens_per_second
        Of all GPUs together, and of one.
    share
        Of the GPU's peak that 6ND in that time needs.
    watts
        Mean power of one GPU, from the published energy.
    plausible
        None where the published numbers do not suffice.
    missing
        What is not published.
    our_hours, our_usd_per_billion, our_brl
        Hours of one H200 for the same tokens, at the share measured by this project; USD for a
        billion of them at its price by the hour; and BRL for all.
    tokens_billion, kwh, cost
        As published; None where nothing is. The cost by language.
    """

    name: str
    source: Mapping[str, str]
    gpu_hours: float | None
    tokens_per_second: float | None
    share: float | None
    watts: float | None
    plausible: bool | None
    missing: tuple[str, ...]
    our_hours: float | None
    our_usd_per_billion: float | None
    our_brl: float | None
    tokens_billion: float | None
    kwh: float | None
    cost: Mapping[str, str] | None


def implied(row: ProgrammeRow, most: float) -> Implied:
    """Recompute one row of brnb/thesis/portuguese_models.yaml.

    Parameters
    ----------
    row
        As published; null where nothing is.
    most
        Share of the peak above which a number is not believed; published trainings of this
        kind reach 0.3 to 0.6.
    """
    needed = ("parameters", "tokens", "gpus", "gpu", "hours")
    missing = tuple(name for name in needed if row[name] is None)
    hours: float | None = None
    speed = share = watts = ours = None
    if row["gpus"] and row["hours"]:
        hours = row["gpus"] * row["hours"]
        watts = row["kwh"] * 1000 / hours if row["kwh"] else None
    if not missing and hours:
        speed = row["tokens"] / (hours * 3600)
        peak = float(load("hardware", row["gpu"], "bf16_tflops"))
        share = mfu(speed, training_flops(row["parameters"], 1), peak)
    if row["parameters"] and row["tokens"]:
        flops = training_flops(row["parameters"], row["tokens"])
        ours = gpu_seconds(flops, float(load("hardware", "h200_sxm", "bf16_tflops")), our_share())
        ours /= 3600
    billions = row["tokens"] / 1e9 if row["tokens"] else None
    return Implied(
        name=row["name"],
        source=row["source"],
        gpu_hours=hours,
        tokens_per_second=speed,
        share=share,
        watts=watts,
        plausible=None if share is None else share <= most,
        missing=missing,
        our_hours=ours,
        our_usd_per_billion=ours * _h200_price() / billions if ours and billions else None,
        our_brl=float(to_brl(ours * _h200_price(), rate())) if ours else None,
        tokens_billion=billions,
        kwh=row["kwh"],
        cost=row["cost"],
    )


def _h200_price() -> float:
    price, why = price_of(H200, price_list_for(H200))
    if price is None:
        raise LookupError(why)
    return float(price)


def our_share() -> float:
    """Share of an H200's peak that our GPT-2 124M, compiled, reached (`measured.yaml`)."""
    steps = load("measured", "transformers")
    step = next(s for s in steps if s["shape"] == "GPT-124M" and s["kernels"] == "compiled")
    shape = load("measured", "shapes", "GPT-124M")
    body = shape["layers"] * (4 * shape["width"] ** 2 + 2 * shape["width"] * shape["hidden"])
    parameters = body + shape["vocab"] * shape["width"]  # the head multiplies too
    peak = float(load("hardware", load("measured", "gpu"), "bf16_tflops"))
    return mfu(step["tokens_per_second"], training_flops(parameters, 1), peak)


def all_implied(most: float) -> list[Implied]:
    """Every published model and programme, recomputed."""
    return [implied(row, most) for row in load("portuguese_models")]
