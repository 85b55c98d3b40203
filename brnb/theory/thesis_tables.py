"""Tables 5, 20 and 21 of the dissertation, published beside recomputed.

Columns end in ``_published`` or ``_recomputed``; ``agrees`` says whether the second rounds to the
first, digit for digit, and is None where nothing is printed.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb.theory.compute import DAY, gpu_seconds, training_flops
from brnb.theory.costs import Number
from brnb.theory.decision import decision_matrix
from brnb.theory.equations import LLAMA_8B, rounds_to
from brnb.theory.memory import GIB, Step, memory
from brnb.theory.shape import Shape
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd

LLAMA_70B = Shape(
    vocab=128256, width=8192, layers=80, heads=64, kv_heads=8, head_dim=128, hidden=28672
)
LLAMA_7B = Shape(
    vocab=32000, width=4096, layers=32, heads=32, kv_heads=32, head_dim=128, hidden=11008
)


def feasibility_table(batch: int = 1, seq_len: int = 2048) -> "pd.DataFrame":
    """Table 5: what fits on one RTX 4090, with the peak of a real step beside the printed bound.

    From scratch 7B is a Llama 2 7B in full training; adaptation is QLoRA of rank 16 on all maps of
    a Llama 3.1 8B and, for the much larger model, 70B, with every layer recomputed.

    Returns
    -------
    pandas.DataFrame
        ``approach``, ``gb_published`` (as printed), ``gb_recomputed`` (1e9 bytes),
        ``viable_published``, ``viable_recomputed`` and ``agrees``.
    """
    import pandas as pd

    facts = load("economics", "tab05")
    shapes = {"7e9": LLAMA_7B, "8e9": LLAMA_8B, "70e9": LLAMA_70B}
    rows = []
    for row in facts["rows"]:
        step = Step(method=row["method"], batch=batch, seq_len=seq_len, recomputed=None)
        peak = memory(shapes[row["parameters"]], step)
        viable = peak.fits(int(facts["gpu_gb"]) * GIB)
        rows.append(
            {
                "approach": row["approach"],
                "gb_published": row["vram"],
                "gb_recomputed": peak.total / 1e9,
                "viable_published": row["viable"],
                "viable_recomputed": viable,
                "agrees": (row["viable"] == "Sim") == viable,
            }
        )
    return pd.DataFrame(rows, dtype=object)


def model_costs(price: Number | None = None, utilization: Number | None = None) -> "pd.DataFrame":
    """Table 20: compute, time and cost of known models on A100s.

    Parameters
    ----------
    price, utilization : number, optional
        USD per GPU hour and share of the peak; those of Eqs. C.36 and C.35 by default.

    Returns
    -------
    pandas.DataFrame
        For ``flops``, ``days`` (of one GPU) and ``usd`` the published, the recomputed and
        ``agrees_…``; ``days_of_ten_gpus_at_peak`` is what the printed days turn out to be.
    """
    import pandas as pd

    facts = load("economics", "tab20")
    peak = float(facts["peak_tflops"])
    share = float(utilization or facts["utilization"])
    hourly = float(price or facts["usd_per_hour"])
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
