"""What our own runs cost, by which prices, and what strategies are worth, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.report.labels import label
from brnb.theory.costs import RunCost, exact, hardware_id, receipt_cost
from brnb.theory.decision import CRITERIA, decision_matrix
from brnb.theory.equations import equation_table
from brnb.theory.memory import CONTEXT, GIB
from brnb.theory.plan import GRID, kg_co2
from brnb.theory.thesis_tables import feasibility_table, model_costs, strategy_table
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

Usage = Iterable[Mapping[str, Any]]


def run_costs(costs: Iterable[RunCost], lang: str, grid: str = GRID) -> "pd.DataFrame":
    """Hours, money, energy and CO2 of every run, and who counted the energy, if anybody did."""
    rows = [
        {
            "run": cost.run,
            "gpu": _gpus(cost),
            "hours": cost.hours,
            "usd": cost.usd,
            "brl": cost.brl,
            "kwh": cost.kwh,
            "energy_method": _method(cost, lang),
            "kg_co2": None if cost.kwh is None else kg_co2(cost.kwh, grid),
            "tokens_per_usd": cost.tokens_per_usd,
        }
        for cost in costs
    ]
    return _frame(rows)


def unpriced(costs: Sequence[RunCost]) -> list[str]:
    """A line for each reason why some runs have no price, with their names."""
    reasons = sorted({cost.why for cost in costs if cost.why})
    runs = {why: ", ".join(cost.run for cost in costs if cost.why == why) for why in reasons}
    return [f"{why}: {names}" for why, names in runs.items()]


def _gpus(cost: RunCost) -> str:
    name = cost.gpu or "CPU"
    return name if cost.gpus == 1 else f"{cost.gpus} × {name}"


def _method(cost: RunCost, lang: str) -> str | None:
    if cost.kwh_method is None:
        return None
    name = label(f"energy_{cost.kwh_method}", lang)
    return f"{name} ({label('estimated', lang)})" if cost.kwh_estimated else name


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


def known_models() -> "pd.DataFrame":
    """Table 20 without the columns that only compare digits."""
    frame = model_costs()
    return frame.drop(columns=[name for name in frame if str(name).startswith("agrees")])


def equations_that_print() -> "pd.DataFrame":
    """Every equation that prints a number, with its value and whether they agree."""
    columns = ["equation", "section", "published", "recomputed", "agrees"]
    return equation_table()[columns]


def strategy_costs() -> "pd.DataFrame":
    """Table 21 with its printed numbers as numbers."""
    frame = strategy_table()
    return frame.assign(**{name: frame[name].map(Decimal) for name in CRITERIA[:3]})


def risks() -> "pd.DataFrame":
    """Table 6, as published."""
    return _frame(load("economics", "tab06", "rows"))


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


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    # Without dtype=object a column with a None in it becomes floats.
    return pd.DataFrame(rows, dtype=object)
