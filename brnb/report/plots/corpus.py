"""Figures of the corpus chapter."""

from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.text.corpus import LENGTH_EDGES, CorpusReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def removals(report: CorpusReport, lang: str) -> "Figure":
    """Documents, lines and characters that each cleaning rule removed, on a logarithmic axis."""
    rules = list(report.removed)
    fig, axes = figure(2.4, ncols=3, sharey=True)
    for axis, what in zip(axes, ("documents", "lines", "characters"), strict=True):
        counts = [getattr(report.removed[rule], what) for rule in rules]
        axis.barh([label(rule, lang) for rule in rules], counts)
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xlim(0, 10 * max(1, *counts))
        axis.set_xlabel(label(what, lang))
        axis.bar_label(
            axis.containers[0], labels=[format_number(n, lang) for n in counts], padding=2
        )
        axis.grid(visible=False, axis="y")
    axes[0].invert_yaxis()
    return fig


def lengths(report: CorpusReport, lang: str) -> "Figure":
    """Histogram of document lengths before and after cleaning, in logarithmic bins."""
    fig, axis = figure(2.6)
    edges = [LENGTH_EDGES[0] / 10 ** (1 / 10), *LENGTH_EDGES]
    for name, counts in (("before", report.lengths_read), ("after", report.lengths_kept)):
        axis.stairs(counts[:-1], edges, label=label(name, lang), fill=name == "after", alpha=0.8)
    used = [edge for edge, n in zip(edges, report.lengths_read, strict=False) if n]
    axis.set_xscale("log")
    axis.set_xlim(min(used) / 1.3, max(used) * 1.6)
    axis.set_xlabel(label("length_characters", lang))
    axis.set_ylabel(label("documents", lang))
    axis.legend()
    return fig
