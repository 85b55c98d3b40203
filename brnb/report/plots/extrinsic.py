"""Figures of the extrinsic evaluation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.extrinsic import METRICS, TASKS
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.evaluate.statistics import Rate
    from brnb.extrinsic.scores import Row
    from brnb.extrinsic.temperatures import Setting

MODELS = {"baseline": ("C0", "o"), "adapted": ("C1", "s")}


def gains(rows: Sequence["Row"], form: str, lang: str) -> "Figure":
    """Gain of each line of Table 13 with its interval over items; the published as crosses."""
    shown = [row for row in rows if row.form == form]
    fig, axis = figure(0.9 + 0.45 * len(shown))
    printed = {
        (TASKS[r["task"]], METRICS[r["metric"]]): float(r["gain"])
        for r in load("published", "tab13", "rows")
    }
    for place, row in enumerate(reversed(shown)):
        claim = row.claim
        bar = [[claim.difference - claim.low], [claim.high - claim.difference]]
        name = label("ours", lang) if not place else None
        axis.errorbar([claim.difference], [place], xerr=bar, fmt="o", color="C0", label=name)
        published = label("published", lang) if not place else None
        axis.plot([printed[row.task, row.metric]], [place], "x", color="C3", label=published)
    names = [f"{label(r.task, lang)}, {label(r.metric.lower(), lang)}" for r in reversed(shown)]
    axis.set_yticks(range(len(shown)), names)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlabel(label("gain", lang))
    axis.legend(fontsize=8)
    return fig


def temperatures(found: Sequence["Setting"], lang: str) -> "Figure":
    """Each task's metric against temperature; bars are deviations over generation seeds."""
    tasks = list(dict.fromkeys((s.task, s.metric) for s in found))
    fig, axes = figure(2.6, ncols=len(tasks), squeeze=False)
    for axis, (task, metric) in zip(axes[0], tasks, strict=True):
        for model, (color, marker) in MODELS.items():
            own = [s for s in found if (s.task, s.metric, s.model) == (task, metric, model)]
            x, y = [s.temperature for s in own], [s.mean for s in own]
            bars = [0.0 if s.deviation is None else s.deviation for s in own]
            axis.errorbar(
                x, y, bars, color=color, marker=marker, capsize=2, label=label(model, lang)
            )
        axis.set_title(f"{label(task, lang)}, {label(metric.lower(), lang)}", fontsize=9)
        axis.set_xlabel(label("temperature", lang))
        axis.set_ylim(bottom=0)
    axes[0][0].legend(fontsize=8)
    return fig


def probes(found: Mapping[tuple[str, str], "Rate"], chance: float, lang: str) -> "Figure":
    """Share of right answers by area and model, with intervals; chance is dashed."""
    areas = list(dict.fromkeys(area for area, _ in found))
    fig, axis = figure(2.8)
    for offset, (model, (color, marker)) in zip((-0.12, 0.12), MODELS.items(), strict=True):
        for place, area in enumerate(areas):
            rate = found[area, model]
            low, high = rate.interval
            bar = [[rate.value - low], [high - rate.value]]
            name = label(model, lang) if not place else None
            look = {"color": color, "marker": marker, "capsize": 2}
            axis.errorbar([place + offset], [rate.value], bar, label=name, **look)
    axis.axhline(chance, color="black", linestyle="--", linewidth=1, label=label("chance", lang))
    axis.set_xticks(range(len(areas)), [label(area, lang) for area in areas])
    axis.set_ylim(0, 1)
    axis.set_ylabel(label("accuracy", lang))
    axis.legend(fontsize=8)
    return fig
