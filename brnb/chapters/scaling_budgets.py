"""Chapter 22, budgets: phases, returns, allocation, efficiency (C.1.5 and C.2.1.2)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.report.tables import frame
from brnb.theory.allocation import (
    PHASES,
    Aim,
    best_allocation,
    best_sequence,
    marginal_gain,
    pays_off,
    phase,
    saturation_flops,
)
from brnb.theory.budget import usd_per_flop
from brnb.theory.chinchilla import published
from brnb.theory.compute import training_flops
from brnb.theory.decision import (
    balanced_allocation,
    cost_efficiency,
    pareto_front,
    printed_allocation,
)
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

H100_HOUR = ("h100_sxm", "runpod_secure_2026_11")
MOST_FLOPS = 1e25  # C_max of C.45


def flop_price(utilization: float = 0.4) -> float:
    """USD of a FLOP of training on an H100 at its price by the hour (C.52 over C.53)."""
    gpu, prices = H100_HOUR
    hourly = float(load("prices", "usd_per_hour", prices, "prices", gpu))
    return usd_per_flop(hourly, float(load("hardware", gpu, "bf16_tflops"))) / utilization


def tab_phases() -> "pd.DataFrame":
    """The phases of C.1.5.2 at their bounds: optimum, loss, what doubling gains, what it costs."""
    law = published()
    rows = []
    for flops in (1e19, PHASES[0], 1e22, PHASES[1], 1e24, 1e26):
        N, D = (float(x) for x in law.optimum(flops))
        loss = float(law.best_loss(flops))
        rows.append(
            {
                "flops": flops,
                "phase": phase(flops),
                "parameters_billion": N / 1e9,
                "tokens_billion": D / 1e9,
                "predicted_loss": loss,
                "doubling_gain": loss - float(law.best_loss(2 * flops)),
                "doubling_usd": flops * flop_price(),
                "usd_per_centinat": 0.01 * flop_price() / marginal_gain(law, flops),
            }
        )
    return frame(rows)


def fig_returns(values: Sequence[float], lang: str) -> "Figure":
    """What a FLOP more gains, times several values of a nat, against its price (C.49).

    Parameters
    ----------
    values : sequence of float
        USD that a nat of loss is worth.
    """
    fig, axis = figure(3.2)
    law, C = published(), np.geomspace(1e18, 1e28, 60)
    gains = np.array([marginal_gain(law, flops) for flops in C])
    for place, worth in enumerate(values):
        axis.plot(C, worth * gains, color=f"C{place}", label=_worth(worth, lang))
        end = saturation_flops(law, worth, flop_price())
        axis.plot([end], [flop_price()], "o", color=f"C{place}")
    axis.axhline(flop_price(), color="black", linestyle="--", label=label("flop_price", lang))
    for bound in PHASES:
        axis.axvline(bound, color="0.7", linestyle=":")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(label("axis_C", lang))
    axis.set_ylabel(label("usd_per_flop", lang))
    axis.legend()
    return fig


def _worth(usd_per_nat: float, lang: str) -> str:
    millions = format_number(usd_per_nat / 1e6, lang, decimals=0)
    return f"US$ {millions} {label('million_per_nat', lang)}"


def tab_saturation(values: Sequence[float]) -> "pd.DataFrame":
    """Where compute stops to pay for several values of a nat, and the model that is then best."""
    law, price = published(), flop_price()
    rows = []
    for worth in values:
        flops = saturation_flops(law, worth, price)
        N, D = (float(x) for x in law.optimum(flops))
        rows.append(
            {
                "usd_per_nat": worth,
                "flops": flops,
                "parameters_billion": N / 1e9,
                "tokens_billion": D / 1e9,
                "usd": flops * price,
                "pays_at_1e24": pays_off(law, 1e24, worth, price),
            }
        )
    return frame(rows)


def tab_allocation(lang: str) -> "pd.DataFrame":
    """Best N and D of C.44 under its constraints, for rising prices of cost and of time."""
    law, price = published(), flop_price()
    aims = {
        "aim_performance": Aim(1.0, price, 1e17, cost=0.0),
        "aim_cost": Aim(1e8, price, 1e17),
        "aim_time": Aim(1e8, price, 1e17, time=2.0),
    }
    bounds = {
        "unbounded": (1e6, 1e8),
        "at_least_100b": (1e11, 1e8),
        "at_least_10t_tokens": (1e6, 1e13),
    }
    rows = []
    for aim_name, aim in aims.items():
        for bound, (fewest, tokens) in bounds.items():
            best = best_allocation(law, aim, MOST_FLOPS, fewest, tokens)
            flops = training_flops(best.parameters, best.tokens)
            rows.append(
                {
                    "aim": label(aim_name, lang),
                    "constraint": label(bound, lang),
                    "parameters_billion": best.parameters / 1e9,
                    "tokens_billion": best.tokens / 1e9,
                    "flops": flops,
                    "usd": flops * price,
                    "predicted_loss": float(law.loss(best.parameters, best.tokens)),
                }
            )
    return frame(rows)


def tab_schedule(units: int, discounts: Sequence[float]) -> "pd.DataFrame":
    """A budget spent in one training or in several, by the discount of later ones (C.48).

    A unit is 1e22 FLOP, and the performance of a model is how far its loss lies below 2.6 nats.
    """
    law = published()
    gains = [2.6 - float(law.best_loss(1e22 * unit)) for unit in range(1, units + 1)]
    rows = []
    for discount in discounts:
        best = best_sequence(gains, units, discount)
        spent = " + ".join(map(str, best.spent))
        rows.append({"discount": discount, "spent": spent, "value": best.value})
    return frame(rows)


def tab_budget_allocation(budgets: Sequence[float]) -> "pd.DataFrame":
    """C.58-C.60 beside what a budget ND = B allows, and the efficiency of C.56.

    Performance is (ND)^0.34 and cost ND, as in the text: the printed N* overspends, and eta falls
    with every step, so that nothing but the smallest model maximises it.
    """
    rows = []
    for budget in budgets:
        printed, balanced = printed_allocation(budget), balanced_allocation(budget)
        rows.append(
            {
                "budget": budget,
                "n_printed": printed,
                "n_balanced": balanced,
                "overspent": printed**2 / budget,
                "efficiency": cost_efficiency(budget**0.34, budget),
            }
        )
    return frame(rows)


def tab_pareto(lang: str) -> "pd.DataFrame":
    """Table 20's models and the optimal ones of the same compute: loss, and the front of C.57."""
    law = published()
    points: list[tuple[str, float, float]] = []
    for row in load("economics", "tab20", "rows"):
        N, D = 1e9 * float(row["parameters"]), 1e9 * float(row["tokens"])
        flops = training_flops(N, D)
        points.append((row["model"], flops, float(law.loss(N, D))))
        optimal = f"{row['model']}, {label('optimal_twin', lang)}"
        points.append((optimal, flops, float(law.best_loss(flops))))
    front = pareto_front([(flops, -loss) for _, flops, loss in points])
    rows = [
        {
            "model": name,
            "flops": flops,
            "predicted_loss": loss,
            "above_optimum": loss - float(law.best_loss(flops)),
            "pareto": i in front,
        }
        for i, (name, flops, loss) in enumerate(points)
    ]
    return frame(rows)
