"""Our own runs and plans as tables of money, time, memory and energy."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.report.trainings import Training, efficiency
from brnb.theory.compute import training_hours
from brnb.theory.costs import (
    RunCost,
    exact,
    hardware_id,
    price_list_for,
    receipt_cost,
    to_brl,
)
from brnb.theory.decision import CRITERIA, decision_matrix
from brnb.theory.memory import CONTEXT, GIB, Method, Step, memory
from brnb.theory.params import Case
from brnb.theory.plan import kg_co2, plan
from brnb.theory.shape import Shape
from brnb.theory.thesis_tables import feasibility_table
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

Usage = Iterable[Mapping[str, Any]]
METHODS: tuple[tuple[str, Method], ...] = (
    ("from_scratch", "full"), ("fine_tuning", "full"), ("qlora", "qlora"),
)  # fmt: skip
LADDER = (512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)  # widths


def run_costs(costs: Iterable[RunCost]) -> "pd.DataFrame":
    """Hours, money, energy and CO2 of every run; ``measured`` tells counters from power limits."""
    rows = [
        {
            "run": cost.run,
            "gpu": cost.gpu or "CPU",
            "hours": cost.hours,
            "usd": cost.usd,
            "brl": cost.brl,
            "kwh": cost.kwh,
            "measured": None if cost.kwh_estimated is None else not cost.kwh_estimated,
            "kg_co2": None if cost.kwh is None else kg_co2(cost.kwh),
            "tokens_per_usd": cost.tokens_per_usd,
        }
        for cost in costs
    ]
    return _frame(rows)


def price_comparison(usage: Usage, exchange_rate: str, lang: str) -> "pd.DataFrame":
    """Every run of ours, and the dissertation's hours on each GPU, by all lists that price it."""
    published: dict[str, Decimal] = {}
    for row in load("published", "tab01", "rows"):
        published[row["gpu"]] = published.get(row["gpu"], Decimal(0)) + exact(row["hours"])
    name = label("dissertation", lang)
    theirs = [{"run": name, "gpu": g, "seconds": 3600 * h} for g, h in published.items()]
    rows = []
    for used in [*theirs, *usage]:
        key = hardware_id(used["gpu"]) if used["gpu"] else None
        for price_list, entry in load("prices", "usd_per_hour").items():
            if key in entry["prices"]:
                cost = receipt_cost(used, price_list, exchange_rate)
                fields = ("run", "gpu", "hours")
                row = {field: getattr(cost, field) for field in fields}
                row |= {"price_list": price_list, "usd_per_hour": cost.usd_per_hour}
                rows.append(row | {"usd": cost.usd, "brl": cost.brl})
    return _frame(rows)


def price_lists() -> "pd.DataFrame":
    """The price lists with their dates, sources and how many GPUs they price."""
    rows = [
        {
            "price_list": key,
            "date": None if entry["date"] is None else str(entry["date"]),
            "gpus": len(entry["prices"]),
            "source": entry["source"],
        }
        for key, entry in load("prices", "usd_per_hour").items()
    ]
    return _frame(rows)


def feasibility(gpus: Sequence[str], lang: str) -> "pd.DataFrame":
    """Table 5's question for other GPUs: whether each has the memory for a real step."""
    frame = feasibility_table()
    columns: dict[str, Any] = {"approach": frame["approach"]}
    for gpu in gpus:
        facts = load("hardware", gpu)
        room = facts["memory_gb"] * GIB - CONTEXT
        fits = [gb * 1e9 <= room for gb in frame["gb_recomputed"]]
        columns[facts["name"]] = [label("yes" if yes else "no", lang) for yes in fits]
    return _frame(columns)


def plans(
    cases: Sequence[Case],
    trainings: Sequence[Training],
    default: float,
    price_list: str,
    exchange_rate: str,
    lang: str,
) -> "pd.DataFrame":
    """What each case will take.

    Parameters
    ----------
    cases : sequence of Case
        Trainings to plan.
    trainings : sequence of Training
        Our own, whose efficiency on the same GPU counts; `default` where there is none.
    price_list, exchange_rate : str
        Keys of brnb/thesis/prices.yaml. Where the list lacks the GPU, the latest that has it
        counts; ``price_list`` of the row says which.
    """
    rate = load("prices", "brl_per_usd", exchange_rate, "rate")
    rows = []
    for case in cases:
        name = load("hardware", case.gpu, "name")
        share, runs = efficiency(trainings, case.gpu, case.model.matmul_parameters, default)
        priced = case.gpu in load("prices", "usd_per_hour", price_list, "prices")
        prices = price_list if priced else price_list_for(name)
        found = plan(
            case.model, case.step, case.tokens, case.gpu, share,
            count=case.count, price_list=prices,
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
                "utilization": 100 * share,
                "measured_in": runs or label("assumed", lang),
                "hours": found.hours,
                "usd": found.usd,
                "brl": None if found.usd is None else to_brl(found.usd, rate),
                "price_list": None if found.usd is None else prices,
                "kwh": found.kwh,
                "kg_co2": found.kg_co2,
            }
        )
    return _frame(rows)


def predictions(trainings: Sequence[Training], default: float) -> "pd.DataFrame":
    """The planner beside every measured training, which never predicts itself.

    The efficiency is interpolated from the other runs of its kind on the same GPU. Without a known
    peak, as on a CPU, there is nothing to predict with and the cells are missing.
    """
    rows = []
    for run in trainings:
        others = [other for other in trainings if other is not run]
        hours, expected = run.seconds / 3600, None
        if run.gpu is not None:
            assumed, _ = efficiency(others, run.gpu, run.multiplied, default, run.recurrent)
            expected = training_hours(run.tokens, run.flops_per_token, run.gpu, assumed)
        share, peak = run.utilization, None
        if run.shape and run.step and run.peak_bytes:
            peak = memory(run.shape, run.step).total / GIB
        rows.append(
            {
                "run": run.run,
                "gpu": load("hardware", run.gpu, "name") if run.gpu else run.device,
                "teraflops": run.tokens / run.seconds * run.flops_per_token / 1e12,
                "utilization": None if share is None else 100 * share,
                "hours_measured": hours,
                "hours_predicted": expected,
                "error_percent": None if expected is None else 100 * (expected / hours - 1),
                "gb_measured": None if run.peak_bytes is None else run.peak_bytes / GIB,
                "gb_predicted": peak,
            }
        )
    return _frame(rows)


def median_error(predicted: "pd.DataFrame") -> float | None:
    """Median size of the error of the hours in percent; None if nothing was predicted."""
    errors = [abs(error) for error in predicted["error_percent"] if error is not None]
    return median(errors) if errors else None


def cost_by_size(
    gpu: str, price_list: str, utilization: float, tokens_per_parameter: float, adaptation: float
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
            found = plan(shape, step, tokens, gpu, utilization, price_list=price_list)
            assert found.usd is not None  # the parameters ask for a GPU with a price
            row = {"method": name, "parameters": shape.parameters, "tokens": tokens}
            rows.append(row | {"usd": float(found.usd), "fits": found.fits})
    return _frame(rows)


def strategies(
    weights: Mapping[str, float], risks: Mapping[str, float], samples: int, seed: int
) -> "pd.DataFrame":
    """Utility of every strategy (Eq. C.92), and the share of all weights by which it is the best.

    Weights are drawn evenly from those that are not negative and add up to 1, Dirichlet(1, 1, 1,
    1); a tie counts for the first.
    """
    import numpy as np

    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(CRITERIA)), samples)
    units = [{name: float(name == criterion) for name in CRITERIA} for criterion in CRITERIA]
    # Utility is linear in the weights: what each criterion alone gives is all that is needed.
    alone = [decision_matrix(unit, risks) for unit in units]
    names = list(alone[0])
    utilities = drawn @ np.array([[worth[name] for name in names] for worth in alone])
    best = np.bincount(utilities.argmax(axis=1), minlength=len(names))
    worth = decision_matrix(weights, risks)
    return _frame(
        {
            "strategy": names,
            "utility": [worth[name] for name in names],
            "best_share": (100 * best / samples).tolist(),
        }
    )


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

    # Without dtype=object a column with a None in it becomes floats.
    return pd.DataFrame(rows, dtype=object)
