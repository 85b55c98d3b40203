"""Figure 1 of the dissertation: fundamentals and the experiments that rest on them, as runs."""

from collections.abc import Mapping
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import run_name
from brnb.thesis import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREY, _STEP = "0.6", 0.27  # inches a line


def connections(notebooks: Mapping[str, str]) -> dict[str, list[str]]:
    """Runs that rest on each section of chapter 3, by their notebooks.

    Parameters
    ----------
    notebooks
        Notebook of each run, as ``params/pipeline.yaml`` declares it.
    """
    return {
        entry["section"]: [
            run
            for run, notebook in notebooks.items()
            if any(fnmatch(notebook, pattern) for pattern in entry["notebooks"])
        ]
        for entry in load("figure1")
    }


def fig_roadmap(notebooks: Mapping[str, str], lang: str) -> "Figure":
    """Sections on the left, runs on the right, a line where a run rests on a section."""
    linked = connections(notebooks)
    runs = [run for run in notebooks if any(run in rest for rest in linked.values())]
    titles = {entry["section"]: entry[lang] for entry in load("figure1")}
    spread = (len(runs) - 1) / max(1, len(titles) - 1)
    fig, axis = figure(_STEP * len(runs) + 0.3)
    for place, (section, resting) in enumerate(linked.items()):
        y = place * spread
        for run in resting:
            line = {"linestyle": "-", "linewidth": 0.8, "zorder": 1}
            axis.plot([0.38, 0.7], [y, runs.index(run)], color=f"C{place}", **line)
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": f"C{place}"}
        text = f"{section}  {titles[section]}"
        axis.text(0.38, y, text, ha="right", va="center", fontsize=8, bbox=box)
    of_run = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": _GREY, "lw": 0.6}
    for y, run in enumerate(runs):
        axis.text(0.7, y, run_name(run, lang), ha="left", va="center", fontsize=8, bbox=of_run)
    axis.set(xlim=(-0.05, 1), ylim=(len(runs) - 0.3, -0.7))
    axis.axis("off")
    return fig
