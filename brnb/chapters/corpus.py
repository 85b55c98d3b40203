"""Chapter 02: what cleaning removed from the corpus, and what is left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.report.tables import frame
from brnb.text.corpus import LENGTH_EDGES, CorpusReport

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FROM_ZERO = ("read", "v6", "early")
"""Bars of the waterfall that are whole texts; the others are what a rule removed."""


def tab_cleaning(report: CorpusReport, lang: str) -> "pd.DataFrame":
    """Documents, lines and characters that each rule removed, and the share of characters."""
    kept = sum(part.characters for part in report.kept["v6"].values())
    read = kept + sum(removed.characters for removed in report.removed.values())
    rows = [
        {
            "rule": label(rule, lang),
            "documents": removed.documents,
            "lines": removed.lines,
            "characters": removed.characters,
            "share": removed.characters / read,
        }
        for rule, removed in report.removed.items()
    ]
    return frame(rows)


def tab_corpus(report: CorpusReport) -> "pd.DataFrame":
    """Documents, lines, characters and bytes of each cleaning and split."""
    rows = [
        {
            "cleaning": cleaning,
            "split": split,
            "documents": amount.documents,
            "lines": amount.lines,
            "characters": amount.characters,
            "bytes": amount.bytes,
        }
        for cleaning, parts in report.kept.items()
        for split, amount in parts.items()
    ]
    return frame(rows)


def tab_corpus_registers(report: CorpusReport) -> "pd.DataFrame":
    """Documents of each register in each split and its share of all bytes, the largest first."""
    total = sum(amount.bytes for parts in report.registers.values() for amount in parts.values())
    rows: list[dict[str, Any]] = [
        {"register": register}
        | {f"documents_{split}": amount.documents for split, amount in parts.items()}
        | {"bytes": sum(amount.bytes for amount in parts.values())}
        for register, parts in report.registers.items()
    ]
    rows.sort(key=lambda row: -row["bytes"])
    return frame([row | {"share": row["bytes"] / total} for row in rows])


def tab_corpus_cleanings(report: CorpusReport) -> "pd.DataFrame":
    """What each cleaning leaves of the same documents, over all splits: what bits per byte count.

    `early` writes each number as one 0 and all letters small: fewer bytes, and those that are left
    are easier to tell.
    """
    rows = []
    for cleaning, parts in report.kept.items():
        sizes = {
            name: sum(getattr(a, name) for a in parts.values()) for name in ("characters", "bytes")
        }
        rows.append({"cleaning": cleaning} | sizes)
    largest = max(row["bytes"] for row in rows)
    return frame([row | {"byte_share": row["bytes"] / largest} for row in rows])


def tab_corpus_personal_data(report: CorpusReport, masked: bool, lang: str) -> "pd.DataFrame":
    """Pieces of personal data in the documents kept, by kind, and what became of them."""
    fate = label("masked" if masked else "left_as_is", lang)
    rows = [
        {"kind": label(kind, lang), "count": pieces, "fate": fate}
        for kind, pieces in report.personal_data.items()
    ]
    return frame(rows)


def fig_cleaning(report: CorpusReport, lang: str) -> "Figure":
    """Documents, lines and characters that each cleaning rule removed, on a logarithmic axis.

    Dots, not bars: a bar's length means nothing where the axis is not linear from zero.
    """
    rules = list(report.removed)
    fig, axes = figure(2.4, ncols=3, sharey=True)
    for axis, unit in zip(axes, ("documents", "lines", "characters"), strict=True):
        counts = [getattr(report.removed[rule], unit) for rule in rules]
        axis.plot(counts, [label(rule, lang) for rule in rules], "o", color="C0", clip_on=False)
        for row, count in enumerate(counts):
            text = format_number(count, lang)
            axis.annotate(text, (count, row), (5, 0), textcoords="offset points", va="center")
        _log_from_zero(axis, counts)
        axis.set_xlabel(label(unit, lang))
        axis.margins(y=0.15)
    axes[0].invert_yaxis()
    return fig


def _log_from_zero(axis: "Axes", counts: Sequence[int]) -> None:
    """A logarithmic axis that has a zero, with three or four ticks that do not collide."""
    decades = len(str(max(1, *counts)))
    step = -(-decades // 3)
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(0, 10 ** (decades + 1))
    axis.set_xticks([0, *(10**power for power in range(step, decades + 1, step))])
    axis.minorticks_off()


def fig_corpus_waterfall(report: CorpusReport, lang: str) -> "Figure":
    """Characters of the lines read to those kept: each rule takes away what its bar spans.

    Bars stand on an axis from zero, so that their lengths compare; the last two are what the
    cleanings leave of the same documents.
    """
    steps = waterfall(report)
    fig, axis = figure(0.8 + 0.26 * len(steps))
    names = [label(f"step_{name}" if name in FROM_ZERO else name, lang) for name, _, _ in steps]
    for row, (name, low, high) in enumerate(steps):
        removed = name not in FROM_ZERO
        style = {"color": "C3", "edgecolor": "C3"} if removed else {"color": "C0"}
        axis.barh([row], [(high - low) / 1e6], left=[low / 1e6], height=0.6, lw=1, **style)
        share = format_number(100 * (high - low) / steps[0][2], lang, 1, "%")
        text = f"−{share}" if removed else share
        axis.annotate(text, (high / 1e6, row), (4, 0), textcoords="offset points", va="center")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.12 * steps[0][2] / 1e6)
    axis.set_xlabel(label("million_characters", lang))
    axis.grid(visible=False, axis="y")
    return fig


def waterfall(report: CorpusReport) -> list[tuple[str, int, int]]:
    """What a reader of the corpus has left after each rule: name, and from where to where.

    Returns
    -------
    list of (str, int, int)
        Characters of lines, blanks that repeat left out as in `tab_cleaning`: of those read, those
        that each rule removed, if any, and those kept in the v6 and in the early cleaning.
    """
    kept = {name: sum(part.characters for part in parts.values())
            for name, parts in report.kept.items()}  # fmt: skip
    left = kept["v6"] + sum(removed.characters for removed in report.removed.values())
    steps = [("read", 0, left)]
    for rule, removed in report.removed.items():
        if removed.characters:
            steps.append((rule, left - removed.characters, left))
            left -= removed.characters
    return [*steps, *((name, 0, kept[name]) for name in ("v6", "early"))]


def fig_document_lengths(report: CorpusReport, lang: str) -> "Figure":
    """Histogram of document lengths before and after cleaning, in logarithmic bins."""
    import numpy as np
    import seaborn as sns

    fig, axis = figure(2.6)
    edges = np.log10([LENGTH_EDGES[0] / 10 ** (1 / 10), *LENGTH_EDGES])
    middles = 10 ** ((edges[1:] + edges[:-1]) / 2)
    for name, counts in (("before", report.lengths_read), ("after", report.lengths_kept)):
        look = {"element": "step", "fill": name == "after", "alpha": 0.8}
        sns.histplot(
            x=middles, weights=counts[:-1], bins=edges.tolist(), log_scale=True, ax=axis,
            label=label(name, lang), **look,
        )  # fmt: skip
    used = [edge for edge, n in zip(10**edges, report.lengths_read, strict=False) if n]
    axis.set_xlim(min(used) / 1.3, max(used) * 1.6)
    axis.set_xlabel(label("length_characters", lang))
    axis.set_ylabel(label("documents", lang))
    axis.legend()
    return fig
