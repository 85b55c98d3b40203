"""What shows the thesis's algorithms: their list, the pipeline (Algorithm 1), a schedule (14)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.algorithms.pipeline_parallel import StageSlot


def tab_algorithms(lang: str) -> "pd.DataFrame":
    """Every algorithm: its place, its code, and what its tests hold it against."""
    rows = [
        {
            "number": int(number),
            "algorithm": label(f"alg{number}", lang),
            "place": facts["place"],
            "code": facts["code"],
            "trusted": facts["trusted"],
        }
        for number, facts in load("algorithms").items()
    ]
    return frame(rows)


def depths(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many runs stand before each, at most; by run.

    Raises
    ------
    KeyError
        If a run needs one that is not there.
    """
    known: dict[str, int] = {}

    def depth(run: str) -> int:
        if run not in known:
            known[run] = 1 + max((depth(need) for need in needs[run]), default=-1)
        return known[run]

    for run in needs:
        depth(run)
    return known


def direct(needs: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """The needs of each run that no other of its needs has too."""
    everything: dict[str, set[str]] = {}

    def before(run: str) -> set[str]:
        if run not in everything:
            everything[run] = set(needs[run]).union(*(before(need) for need in needs[run]))
        return everything[run]

    return {
        run: set(needs[run]) - {far for need in needs[run] for far in before(need)} for run in needs
    }


def fig_algorithm_pipeline(needs: Mapping[str, Sequence[str]]) -> "Figure":
    """Algorithm 1 as it runs: every run of the profile, after those that it needs."""
    columns: dict[int, list[str]] = {}
    for run, depth in depths(needs).items():
        columns.setdefault(depth, []).append(run)
    tallest = max(len(runs) for runs in columns.values())
    fig, axes = figure(0.26 * tallest + 0.4)
    at = {
        run: (x, (tallest - len(runs)) / 2 + y)
        for x, runs in columns.items()
        for y, run in enumerate(runs)
    }
    for run, nearest in direct(needs).items():
        for need in nearest:
            (x, y), (to_x, to_y) = at[need], at[run]
            axes.plot([x, to_x], [y, to_y], color="0.75", linewidth=0.6, linestyle="-", zorder=1)
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "C0", "linewidth": 0.6}
    for run, (x, y) in at.items():
        name = run if len(run) < 15 else run[:13] + "…"
        axes.text(x, y, name, ha="center", va="center", fontsize=6, bbox=box, zorder=2)
    axes.set(xlim=(-0.5, max(columns) + 0.5), ylim=(tallest - 0.4, -0.6))
    axes.axis("off")
    return fig


def fig_pipeline_schedule(plan: Sequence["StageSlot"], lang: str) -> "Figure":
    """Algorithm 14: which stage does which micro-batch when; what is white is the bubble."""
    stages = max(work.stage for work in plan) + 1
    fig, axes = figure(0.35 * stages + 0.9)
    for work in plan:
        color = "C0" if work.forward else "C1"
        axes.barh(work.stage, 1, left=work.slot, color=color, edgecolor="white", linewidth=0.8)
        number = str(work.micro_batch + 1)
        axes.text(work.slot + 0.5, work.stage, number, ha="center", va="center", fontsize=7)
    axes.set(xlabel=label("slot", lang), ylabel=label("stage", lang), yticks=range(stages))
    axes.set_yticklabels([str(stage + 1) for stage in range(stages)])
    axes.invert_yaxis()
    axes.grid(visible=False)
    return fig
