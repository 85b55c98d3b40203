"""Chapter 16: what fits where, known models, risks, and what strategies are worth."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from brnb import data
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.decision import CRITERIA, decision_matrix
from brnb.theory.equations import equation_table
from brnb.theory.memory import CONTEXT, GIB
from brnb.theory.thesis_tables import feasibility_table, model_costs, strategy_table
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def tab05() -> "pd.DataFrame":
    """Table 5: what fits on one RTX 4090, as printed and counted for a real step."""
    return feasibility_table()


def tab_feasibility_gpus(gpus: Sequence[str], lang: str) -> "pd.DataFrame":
    """Table 5's question for other GPUs: whether each has the memory for a real step."""
    table5 = feasibility_table()
    columns: dict[str, Any] = {"approach": table5["approach"]}
    for gpu in gpus:
        facts = load("hardware", gpu)
        room = facts["memory_gb"] * GIB - CONTEXT
        fits = [gb * 1e9 <= room for gb in table5["gb_recomputed"]]
        columns[facts["name"]] = [label("yes" if yes else "no", lang) for yes in fits]
    return frame(columns)


def tab20() -> "pd.DataFrame":
    """Table 20 without the columns that only compare digits."""
    models = model_costs()
    return models.drop(columns=[name for name in models if str(name).startswith("agrees")])


def tab_equations() -> "pd.DataFrame":
    """Every equation that prints a number, with its value and whether they agree."""
    columns = ["equation", "section", "published", "recomputed", "agrees"]
    return equation_table()[columns]


def tab21() -> "pd.DataFrame":
    """Table 21 with its printed numbers as numbers."""
    printed = strategy_table()
    return printed.assign(**{name: printed[name].map(Decimal) for name in CRITERIA[:3]})


def tab06(lang: str) -> "pd.DataFrame":
    """Table 6 as published, with what this project does about each risk and what shows it."""
    here = data.read("chapters/risks.yaml")
    rows = [
        row | {"here": here[row["risk"]][lang], "shown_by": here[row["risk"]]["evidence"]}
        for row in load("economics", "tab06", "rows")
    ]
    return frame(rows)


def tab_decision(
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
    return frame(
        {
            "strategy": names,
            "utility": [worth[name] for name in names],
            "best_share": (100 * best / samples).tolist(),
        }
    )


def fig_decision_sensitivity(
    weights: Mapping[str, float], risks: Mapping[str, float], lang: str
) -> "Figure":
    """Utility of every strategy as one weight goes from 0 to 1 and the others share the rest.

    The others keep their proportions; the dotted line is the weight in force.
    """
    total = sum(weights.values())
    fig, axes = figure(3.0, ncols=len(CRITERIA), sharey=True)
    for axis, criterion in zip(axes, CRITERIA, strict=True):
        rest = total - weights[criterion]
        others = {k: w / rest for k, w in weights.items() if k != criterion} if rest else None
        if others is None:
            others = {k: 1 / (len(weights) - 1) for k in weights if k != criterion}
        ends = [
            decision_matrix({criterion: at, **{k: (1 - at) * w for k, w in others.items()}}, risks)
            for at in (0.0, 1.0)
        ]
        for name in ends[0]:
            axis.plot([0, 1], [end[name] for end in ends], label=name)
        axis.axvline(weights[criterion] / total, color="black", linestyle=":", linewidth=1)
        axis.set_title(label(f"criterion_{criterion}", lang))
        axis.set_xlabel(label("weight", lang))
    axes[0].set_ylabel(label("utility_axis", lang))
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=2)
    return fig
