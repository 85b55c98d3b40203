"""Chapter 16: what trainings will take, and the planner's predictions beside what was measured."""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from brnb.report.figures import MARKERS, figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.costs import price_list_for, rate, to_brl
from brnb.theory.measured import DISSERTATION, MeasuredTraining
from brnb.theory.memory import CONTEXT, GIB, Method, MicroBatch, memory
from brnb.theory.params import Case
from brnb.theory.plan import GRID, PROGRAM, plan
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, predict
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
    cases
        Trainings to plan.
    measured
        What to learn the speed from; `evidence` of a row counts those of this project's program
        on the same GPU.
    price_list, exchange_rate, grid
        Keys of brnb/thesis/prices.yaml and grid.yaml. Where the list lacks the GPU, the latest
        that has it counts; ``price_list`` of the row says which.
    """
    brl_per_usd = rate(exchange_rate)
    rows = []
    for case in cases:
        name = load("hardware", case.gpu, "name")
        priced = case.gpu in load("prices", "usd_per_hour", price_list, "prices")
        prices = price_list if priced else price_list_for(name)
        planned = plan(
            case.model, case.step, case.tokens, case.gpu, measured,
            count=case.count, price_list=prices, grid=grid,
        )  # fmt: skip
        rows.append(
            {
                "case": case.name,
                "method": label(f"method_{case.method}", lang),
                "tokens_million": case.tokens / 1e6,
                "gpu": name if case.count == 1 else f"{case.count} × {name}",
                "gb": (planned.memory.total + CONTEXT) / GIB,
                "layers_recomputed": planned.recomputed,
                "fits": planned.fits,
                "utilization": 100 * planned.utilization,
                "evidence": planned.evidence,
                "hours": planned.hours,
                "usd": planned.usd,
                "brl": None if planned.usd is None else to_brl(planned.usd, brl_per_usd),
                "price_list": None if planned.usd is None else prices,
                "kwh": planned.kwh,
                "kg_co2": planned.kg_co2,
            }
        )
    return frame(rows)


def tab_plan_memory(planned: "pd.DataFrame") -> "pd.DataFrame":
    """What each case of `plans` takes of each GPU, and how well it uses it."""
    columns = ["case", "method", "gpu", "gb", "layers_recomputed", "fits", "utilization"]
    return planned[[*columns, "evidence"]]


def tab_plan_cost(planned: "pd.DataFrame") -> "pd.DataFrame":
    """Time, money, energy and CO2 of each case of `plans`."""
    columns = ["case", "tokens_million", "hours", "usd", "brl", "price_list", "kwh", "kg_co2"]
    return planned[columns]


def predictions(facts: Sequence[MeasuredTraining], lang: str) -> "pd.DataFrame":
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
    for fact in facts:
        left_out = fact.measured
        others = [other for other in everything if other is not left_out]
        speed = predict(left_out.work, left_out.gpu, left_out.kind, left_out.program, others)
        rows.append(
            {
                "run": left_out.name,
                "program": _program(left_out, lang),
                "source": _source(left_out),
                "gpu": load("hardware", left_out.gpu, "name"),
                "kind": label(f"kind_{left_out.kind}", lang),
                "layers_recomputed": _recomputed(fact),
                "speed_measured": 1 / left_out.seconds,
                "speed_predicted": 1 / speed.seconds,
                "error_percent": 100 * (speed.seconds / left_out.seconds - 1),
                "evidence": speed.evidence,
            }
        )
    return frame(rows)


def tab_plan_error(predicted: "pd.DataFrame") -> "pd.DataFrame":
    """Every row of `predictions`, to print."""
    return predicted.drop(columns=["source", "kind"])


def tab_plan_errors(predicted: "pd.DataFrame", lang: str) -> "pd.DataFrame":
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
    return frame(rows)


def median_error(predicted: "pd.DataFrame") -> float:
    """Median size of the error of the time, in percent."""
    return float(median(map(abs, predicted["error_percent"])))


def tab_plan_memory_error(facts: Sequence[MeasuredTraining]) -> "pd.DataFrame":
    """Peak memory of every measured Transformer that recorded it, and as predicted (GiB)."""
    rows = []
    for fact in facts:
        if fact.gib is None or fact.shape is None or fact.step is None:
            continue
        predicted = memory(fact.shape, fact.step).total / GIB
        rows.append(
            {
                "run": fact.measured.name,
                "program": fact.measured.program,
                "gb_measured": fact.gib,
                "gb_predicted": predicted,
                "memory_error_percent": 100 * (predicted / fact.gib - 1),
            }
        )
    return frame(rows)


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
            step = MicroBatch(method=method, batch=1, seq_len=2048)
            planned = plan(shape, step, tokens, gpu, measured, price_list=price_list)
            if planned.usd is None:
                where = f"brnb/thesis/prices.yaml, usd_per_hour/{price_list}"
                raise ValueError(f"{gpu} has no price in {where}: choose another list")
            row = {"method": name, "parameters": shape.parameters, "tokens": tokens}
            rows.append(row | {"usd": float(planned.usd), "fits": planned.fits})
    return frame(rows)


def _program(measured: Measured, lang: str) -> str:
    return label(measured.program, lang) if measured.program == DISSERTATION else measured.program


def _recomputed(fact: MeasuredTraining) -> int | None:
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


def fig_cost_by_size(sizes: "pd.DataFrame", lang: str) -> "Figure":
    """USD against parameters, both logarithmic; hollow where one GPU cannot hold a step.

    `sizes` is that of `brnb.chapters.planner.cost_by_size`.
    """
    fig, axis = figure(3.4)
    for row, (method, rows) in enumerate(sizes.groupby("method", sort=False)):
        x, y = rows["parameters"].astype(float), rows["usd"].astype(float)
        fits = rows["fits"].astype(bool)
        color = f"C{row}"
        axis.plot(x, y, color=color, label=label(str(method), lang))
        look = {"color": color, "marker": MARKERS[row], "linestyle": "none", "markersize": 5}
        axis.plot(x[fits], y[fits], **look)
        axis.plot(x[~fits], y[~fits], markerfacecolor="white", **look)
    axis.plot([], [], "o", color="0.4", label=label("fits_one_gpu", lang))
    hollow = {"markerfacecolor": "white", "color": "0.4"}
    axis.plot([], [], "o", label=label("needs_more", lang), **hollow)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(label("parameters", lang))
    axis.set_ylabel(label("usd", lang))
    axis.legend(loc="upper left")
    return fig


def fig_plan_error(predicted: "pd.DataFrame", lang: str) -> "Figure":
    """Predicted against measured tokens per second, a marker a source, a colour a kind.

    `predicted` is that of `brnb.chapters.planner.predictions`.
    """
    fig, axis = figure(4.0)
    kinds = {kind: f"C{place}" for place, kind in enumerate(predicted["kind"].unique())}
    sources = dict(zip(predicted["source"].unique(), MARKERS, strict=False))
    for (source, kind), rows in predicted.groupby(["source", "kind"], sort=False):
        x, y = rows["speed_measured"].astype(float), rows["speed_predicted"].astype(float)
        axis.plot(x, y, sources[source], color=kinds[kind], markersize=6, alpha=0.8)
    speeds = predicted[["speed_measured", "speed_predicted"]].astype(float).to_numpy()
    ends = [speeds.min() / 1.5, speeds.max() * 1.5]
    axis.plot(ends, ends, color="black", linewidth=1)
    for sign in (-1, 1):
        beside = [end / (1 + sign * WITHIN / 100) for end in ends]
        axis.plot(ends, beside, color="black", linestyle="--", linewidth=0.8)
    for kind, color in kinds.items():
        axis.plot([], [], "s", color=color, label=kind)
    for source, marker in sources.items():
        axis.plot([], [], marker, color="0.4", label=label(f"source_{source}", lang))
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axis.set_xlabel(label("speed_measured", lang))
    axis.set_ylabel(label("speed_predicted", lang))
    axis.legend(loc="upper left")
    return fig
