"""The planner as tables: what trainings will take, and its predictions beside what was measured."""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.theory.costs import price_list_for, rate, to_brl
from brnb.theory.measured import DISSERTATION, Fact
from brnb.theory.memory import CONTEXT, GIB, Method, Step, memory
from brnb.theory.params import Case
from brnb.theory.plan import GRID, PROGRAM, plan
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, predict
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

METHODS: tuple[tuple[str, Method], ...] = (
    ("from_scratch", "full"), ("fine_tuning", "full"), ("qlora", "qlora"),
)  # fmt: skip
LADDER = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)  # widths
WITHIN = 15.0  # percent: what a plan may be wrong by


def plans(
    cases: Sequence[Case],
    measured: Sequence[Measured],
    price_list: str,
    exchange_rate: str,
    lang: str,
    grid: str = GRID,
) -> "pd.DataFrame":
    """What each case will take.

    Parameters
    ----------
    cases : sequence of Case
        Trainings to plan.
    measured : sequence of Measured
        What to learn the speed from; `evidence` of a row counts those of this project's program
        on the same GPU.
    price_list, exchange_rate, grid : str
        Keys of brnb/thesis/prices.yaml and grid.yaml. Where the list lacks the GPU, the latest
        that has it counts; ``price_list`` of the row says which.
    """
    brl_per_usd = rate(exchange_rate)
    rows = []
    for case in cases:
        name = load("hardware", case.gpu, "name")
        priced = case.gpu in load("prices", "usd_per_hour", price_list, "prices")
        prices = price_list if priced else price_list_for(name)
        found = plan(
            case.model, case.step, case.tokens, case.gpu, measured,
            count=case.count, price_list=prices, grid=grid,
        )  # fmt: skip
        rows.append(
            {
                "case": case.name,
                "method": label(f"method_{case.method}", lang),
                "tokens_million": case.tokens / 1e6,
                "gpu": name if case.count == 1 else f"{case.count} × {name}",
                "gb": (found.memory.total + CONTEXT) / GIB,
                "layers_recomputed": found.recomputed,
                "fits": found.fits,
                "utilization": 100 * found.utilization,
                "evidence": found.evidence,
                "hours": found.hours,
                "usd": found.usd,
                "brl": None if found.usd is None else to_brl(found.usd, brl_per_usd),
                "price_list": None if found.usd is None else prices,
                "kwh": found.kwh,
                "kg_co2": found.kg_co2,
            }
        )
    return _frame(rows)


def predictions(facts: Sequence[Fact], lang: str) -> "pd.DataFrame":
    """Tokens per second of every measured training, and as predicted from all the others.

    Returns
    -------
    pandas.DataFrame
        ``run``, ``program``, ``source`` (``dissertation``, ``steps``, ``receipts``), ``gpu``,
        ``kind``, ``layers_recomputed``, ``speed_measured``, ``speed_predicted`` (tokens/s),
        ``error_percent`` of the time, and ``evidence``, see `brnb.theory.speed.predict`.
    """
    everything = [fact.measured for fact in facts]
    rows = []
    for own, fact in zip(everything, facts, strict=True):
        others = [other for other in everything if other is not own]
        found = predict(own.work, own.gpu, own.kind, own.program, others)
        rows.append(
            {
                "run": own.name,
                "program": _program(own, lang),
                "source": _source(own),
                "gpu": load("hardware", own.gpu, "name"),
                "kind": label(f"kind_{own.kind}", lang),
                "layers_recomputed": _recomputed(fact),
                "speed_measured": 1 / own.seconds,
                "speed_predicted": 1 / found.seconds,
                "error_percent": 100 * (found.seconds / own.seconds - 1),
                "evidence": found.evidence,
            }
        )
    return _frame(rows)


def prediction_errors(predicted: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Median error of the time, and the share within `WITHIN` percent, by source and in all."""
    groups = [*predicted.groupby("source", sort=False), ("all", predicted)]
    rows = [
        {
            "source": label(f"source_{name}", lang),
            "count": len(rows),
            "median_error": median_error(rows),
            "within": 100 * float((rows["error_percent"].abs() <= WITHIN).mean()),
        }
        for name, rows in groups
    ]
    return _frame(rows)


def median_error(predicted: "pd.DataFrame") -> float:
    """Median size of the error of the time, in percent."""
    return float(median(map(abs, predicted["error_percent"])))


def memory_predictions(facts: Sequence[Fact]) -> "pd.DataFrame":
    """Peak memory of every measured Transformer that recorded it, and as predicted (GiB)."""
    rows = []
    for fact in facts:
        if fact.gib is None or fact.shape is None or fact.step is None:
            continue
        found = memory(fact.shape, fact.step).total / GIB
        rows.append(
            {
                "run": fact.measured.name,
                "program": fact.measured.program,
                "gb_measured": fact.gib,
                "gb_predicted": found,
                "memory_error_percent": 100 * (found / fact.gib - 1),
            }
        )
    return _frame(rows)


def cost_by_size(
    gpu: str,
    price_list: str,
    measured: Sequence[Measured],
    tokens_per_parameter: float,
    adaptation: float,
) -> "pd.DataFrame":
    """USD of Llama-like models of rising size by three methods, and whether one GPU holds a step.

    From scratch the tokens grow with the parameters (Hoffmann et al., 2022: 20 for each);
    fine-tuning and QLoRA see `adaptation` tokens.
    """
    rows = []
    for name, method in METHODS:
        for shape in map(_llama, LADDER):
            tokens = adaptation
            if name == "from_scratch":
                tokens = tokens_per_parameter * shape.parameters
            step = Step(method=method, batch=1, seq_len=2048)
            found = plan(shape, step, tokens, gpu, measured, price_list=price_list)
            if found.usd is None:
                where = f"brnb/thesis/prices.yaml, usd_per_hour/{price_list}"
                raise ValueError(f"{gpu} has no price in {where}: choose another list")
            row = {"method": name, "parameters": shape.parameters, "tokens": tokens}
            rows.append(row | {"usd": float(found.usd), "fits": found.fits})
    return _frame(rows)


def _program(measured: Measured, lang: str) -> str:
    return label(measured.program, lang) if measured.program == DISSERTATION else measured.program


def _recomputed(fact: Fact) -> int | None:
    if fact.shape is None or fact.step is None:
        return None
    return fact.shape.layers if fact.step.recomputed is None else fact.step.recomputed


def _source(measured: Measured) -> str:
    return {DISSERTATION: "dissertation", PROGRAM: "receipts"}.get(measured.program, "steps")


def _llama(width: int) -> Shape:
    """Llama 3's proportions: a layer for each 128 of width, heads of 128, a quarter as keys."""
    heads = width // 128
    return Shape(
        vocab=32_000, width=width, layers=heads, heads=heads, kv_heads=heads // _group(heads),
        head_dim=128, hidden=width * 7 // 2,
    )  # fmt: skip


def _group(heads: int) -> int:
    return next(size for size in (4, 2, 1) if heads % size == 0)


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)
