"""Tables 1-5, 20 and 21 of the dissertation, published beside recomputed.

Columns end in ``_published`` or ``_recomputed``; ``agrees`` says whether the second rounds to the
first, digit for digit, and is None where nothing is printed.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.theory.compute import DAY, gpu_seconds, training_flops
from brnb.theory.costs import (
    CostRow,
    RunCost,
    exact,
    gpu_cost,
    half_up,
    price_of,
)
from brnb.theory.decision import decision_matrix
from brnb.theory.equations import rounds_to
from brnb.theory.memory import GIB, MicroBatch, memory
from brnb.theory.shape import LLAMA_7B, LLAMA_8B, LLAMA_70B
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

RESULT_TABLES = ("tab04", "tab07", "tab08", "tab09", "tab11")  # they repeat the hours of Table 1


def feasibility_table() -> "pd.DataFrame":
    """Table 5: what fits on one RTX 4090, with the peak of a real step beside the printed bound.

    From scratch 7B is a Llama 2 7B in full training; adaptation is QLoRA of rank 16 on all maps of
    a Llama 3.1 8B and, for the much larger model, 70B, with every layer recomputed.

    Returns
    -------
    pandas.DataFrame
        ``approach``, ``gb_published`` (as printed), ``gb_recomputed`` (1e9 bytes),
        ``viable_published``, ``viable_recomputed``, ``agrees`` (None where the dissertation says
        that it depends) and ``remark``, as printed.
    """
    import pandas as pd

    facts = load("economics", "tab05")
    shapes = {"7e9": LLAMA_7B, "8e9": LLAMA_8B, "70e9": LLAMA_70B}
    rows = []
    for row in facts["rows"]:
        step = MicroBatch(method=row["method"], batch=1, seq_len=2048, recomputed=None)
        peak = memory(shapes[row["parameters"]], step)
        viable = peak.fits(int(facts["gpu_gb"]) * GIB)
        rows.append(
            {
                "approach": row["approach"],
                "gb_published": row["vram"],
                "gb_recomputed": peak.total / 1e9,
                "viable_published": row["viable"],
                "viable_recomputed": viable,
                "agrees": None
                if row["viable"] == "Depende"
                else (row["viable"] == "Sim") == viable,
                "remark": row["remark"],
            }
        )
    return pd.DataFrame(rows, dtype=object)


def model_costs() -> "pd.DataFrame":
    """Table 20: compute, time and cost of known models on A100s, as Eqs. C.35 and C.36 count.

    Returns
    -------
    pandas.DataFrame
        For ``flops``, ``days`` (of one GPU) and ``usd`` the published, the recomputed and
        ``agrees_…``; ``days_of_ten_gpus_at_peak`` is what the printed days turn out to be.
    """
    import pandas as pd

    facts = load("economics", "tab20")
    peak = float(facts["peak_tflops"])
    share = float(facts["utilization"])
    hourly = float(facts["usd_per_hour"])
    rows = []
    for row in facts["rows"]:
        flops = training_flops(1e9 * float(row["parameters"]), 1e9 * float(row["tokens"]))
        days = gpu_seconds(flops, peak, share) / DAY
        values = {"flops": flops, "days": days, "usd": days * 24 * hourly}
        cells: dict[str, Any] = {"model": row["model"]}
        for name, value in values.items():
            cells[f"{name}_published"] = Decimal(row[name])
            cells[f"{name}_recomputed"] = value
            cells[f"agrees_{name}"] = rounds_to(value, row[name])
        printed = float(row["flops"])
        cells["days_of_ten_gpus_at_peak"] = gpu_seconds(printed, 10 * peak, 1.0) / DAY
        rows.append(cells)
    return pd.DataFrame(rows, dtype=object)


def strategy_table() -> "pd.DataFrame":
    """Table 21 with the utility of every strategy (C.92), printed only for two of them."""
    import pandas as pd

    values = decision_matrix()
    rows = [
        {
            **{key: row[key] for key in ("strategy", "performance", "cost", "time", "risk")},
            "utility_published": None if row["utility"] is None else Decimal(row["utility"]),
            "utility_recomputed": values[row["strategy"]],
            "agrees": None
            if row["utility"] is None
            else rounds_to(values[row["strategy"]], row["utility"]),
        }
        for row in load("economics", "tab21", "rows")
    ]
    return pd.DataFrame(rows, dtype=object)


def training_times(costs: Iterable[RunCost]) -> list[CostRow]:
    """Rows of Table 1, hours of each training; `costs` are those of our runs."""
    results = [row for table in RESULT_TABLES for row in load("published", table, "rows")]
    repeated = {row["run"]: exact(row["hours"]) for row in results}
    rows = [
        {
            "run": row["run"],
            "gpu_published": row["gpu"],
            "hours_published": exact(row["hours"]),
            "hours_recomputed": repeated.get(row["run"]),
            "agrees": _agrees(exact(row["hours"]), repeated.get(row["run"])),
            "time_source": row["time_source"],
            "gpu_source": row["gpu_source"],
        }
        for row in load("published", "tab01", "rows")
    ]
    return _beside(rows, costs, ("gpu", "hours", "receipt"))


def prices(price_list: str) -> list[CostRow]:
    """Rows of Table 2, prices of GPUs; those of a list stand as ours."""
    charged = {r["gpu"]: exact(r["price_usd_hour"]) for r in load("published", "tab03", "rows")}
    return [
        {
            "gpu": row["gpu"],
            "usd_per_hour_published": exact(row["price_usd_hour"]),
            "usd_per_hour_recomputed": charged.get(row["gpu"]),
            "agrees": _agrees(exact(row["price_usd_hour"]), charged.get(row["gpu"])),
            "usd_per_hour_ours": price_of(row["gpu"], price_list)[0],
        }
        for row in load("published", "tab02", "rows")
    ]


def single_gpu_costs(costs: Iterable[RunCost]) -> list[CostRow]:
    """Rows of Table 3, costs on one GPU; `costs` are those of our runs."""
    rows = [
        {
            "run": row["run"],
            "gpu_published": row["gpu"],
            "hours_published": exact(row["hours"]),
            "usd_per_hour_published": exact(row["price_usd_hour"]),
            "usd_published": exact(row["usd"]),
            "usd_recomputed": (usd := half_up(gpu_cost(row["hours"], row["price_usd_hour"]))),
            "agrees": exact(row["usd"]) == usd,
        }
        for row in load("published", "tab03", "rows")
    ]
    return _beside(rows, costs, ("hours", "usd"))


def track_two(costs: Iterable[RunCost]) -> list[CostRow]:
    """Rows of Table 4, costs of Track 2; `costs` are those of our runs."""
    ours = {cost.run: cost for cost in costs}
    table = load("published", "tab04")
    price = next(r for r in load("published", "tab02", "rows") if r["gpu"] == table["gpu"])
    hours = [exact(row["hours"]) for row in table["rows"]]
    mine = [ours.get(row["run"]) for row in table["rows"]]
    rows = [*table["rows"], table["total"]]
    computed = [*hours, sum(hours, Decimal(0))]
    return [
        {
            "component": row["component"],
            "hours_published": exact(row["hours"]),
            "hours_recomputed": hour,
            "usd_published": exact(row["usd"]),
            "usd_recomputed": (usd := half_up(gpu_cost(hour, price["price_usd_hour"]))),
            "agrees": (hour, usd) == (exact(row["hours"]), exact(row["usd"])),
            "hours_ours": _total([cost.hours if cost else None for cost in parts]),
            "usd_ours": _total([cost.usd if cost else None for cost in parts]),
        }
        for row, hour, parts in zip(rows, computed, [*([cost] for cost in mine), mine], strict=True)
    ]


def _beside(
    rows: list[CostRow], costs: Iterable[RunCost], columns: tuple[str, ...]
) -> list[CostRow]:
    """Add our columns to the dissertation's rows, and our other runs as rows below."""
    ours = {cost.run: cost for cost in costs}
    empty = dict.fromkeys(rows[0])
    others = [run for run in ours if run not in {row["run"] for row in rows}]
    return [
        {**row, **{f"{name}_ours": getattr(ours.get(row["run"]), name, None) for name in columns}}
        for row in rows + [{**empty, "run": run} for run in others]
    ]


def _agrees(published: Decimal, recomputed: Decimal | None) -> bool | None:
    return None if recomputed is None else published == recomputed


def _total(values: list[Decimal | None]) -> Decimal | None:
    """Sum, or None if a part is missing: a partial total would pass for the whole."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None
