"""Chapter 11: every published perplexity beside ours, as a picture and in words."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from brnb.chapters.curves import published_loss
from brnb.chapters.versions import COLUMNS
from brnb.report.figures import figure, look
from brnb.report.labels import label, run_name
from brnb.report.log_axis import log_axis
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.evaluate.records import Record


class Beside(NamedTuple):
    """A run's perplexity as the dissertation prints it, and ours on the test split."""

    run: str
    table: str
    published: float
    ours: float


def beside(records: Iterable["Record"]) -> list[Beside]:
    """Both perplexities of every run that tables 7 to 9 print, in the order of the tables."""
    ours = {record.run: record.result.perplexity for record in records}
    return [
        Beside(run, table, math.exp(loss), perplexity)
        for table in COLUMNS
        for run, perplexity in ours.items()
        if (loss := published_loss(table, run)) is not None
    ]


def fig_published(records: Sequence["Record"], lang: str) -> "Figure":
    """Perplexities of tables 7 to 9, a panel a table: published as crosses, ours as the run's mark.

    A panel has one kind of token, and its axis is logarithmic: equal distances are equal ratios.
    """
    pairs = beside(records)
    tables = list(dict.fromkeys(pair.table for pair in pairs))
    rows = [sum(pair.table == table for pair in pairs) for table in tables]
    options = {"squeeze": False, "height_ratios": [n + 1 for n in rows]}
    fig, axes = figure(1.1 + 0.4 * len(tables) + 0.2 * len(pairs), nrows=len(tables), **options)
    for axis, table in zip(axes[:, 0], tables, strict=True):
        shown = [pair for pair in pairs if pair.table == table]
        for row, pair in enumerate(shown):
            axis.plot([pair.published, pair.ours], [row, row], color="0.75", ls="-", lw=1, zorder=1)
            axis.plot([pair.published], [row], "x", color="black", ms=6, mew=1.4)
            axis.plot([pair.ours], [row], **look(pair.run) | {"linestyle": "none", "markersize": 6})
        axis.set_yticks(range(len(shown)), [run_name(pair.run, lang) for pair in shown])
        axis.set_ylim(len(shown) - 0.4, -0.6)
        axis.grid(visible=False, axis="y")
        axis.margins(x=0.08)
        log_axis(axis.xaxis, lang)
        axis.set_xlabel(label(f"ppl_{table}", lang))
    marks = [axes[0, 0].plot([], [], mark, color=color, ls="none")[0]
             for mark, color in (("x", "black"), ("o", "0.5"))]  # fmt: skip
    names = [label("published", lang), label("ours_test", lang)]
    fig.legend(marks, names, loc="outside lower center", ncols=2, fontsize=8)
    return fig


def say_published(records: Sequence["Record"], lang: str) -> str:
    """In how many runs our perplexity is above the printed one, and the ratio at the middle."""
    pairs = beside(records)
    ratios = {pair.run: pair.ours / pair.published for pair in pairs}
    far = max(ratios, key=lambda run: abs(math.log(ratios[run])))
    return fill_sentence(
        "say_published",
        lang,
        above=sum(ratio > 1 for ratio in ratios.values()),
        count=len(ratios),
        median=statistics.median(ratios.values()),
        far=run_name(far, lang),
        ratio=ratios[far],
    )
