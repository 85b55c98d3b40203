"""Figures that show all runs of Track 1 together."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.tokenizers.fragmentation import GUARDRAILS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.evaluate.records import Record

FAMILIES = ("character_rnn", "subword_rnn", "transformer")
MARKERS = "osD^vP*X"


def loss_curves(records: Sequence["Record"], lang: str) -> "Figure":
    """Validation curves on one page: a panel a family in nats per token, then all in bits per byte.

    Nats per token compare only runs with one tokenizer; bits per byte, the same curves times
    tokens per byte, compare them all.
    """
    fig, axes = figure(6.4, nrows=2, ncols=2)
    panels = dict(zip((*FAMILIES, "all_runs"), axes.flat, strict=True))
    for record, look in _looks(records):
        rows = record.history.validation
        if not rows:
            continue
        millions = [row["tokens"] / 1e6 for row in rows]
        nats = [row["loss"] for row in rows]
        scale = record.result.bits_per_byte / record.result.loss
        panels[_family(record)].plot(millions, nats, label=record.run, **look)
        panels["all_runs"].plot(millions, [scale * x for x in nats], **look)
    for name, axis in panels.items():
        axis.set_title(label(name, lang))
        axis.set_xlabel(label("million_tokens", lang))
        axis.set_ylabel(label("bits_per_byte" if name == "all_runs" else "loss_nats", lang))
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8)
    _log_scale(panels["all_runs"])
    return fig


def cost(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]], lang: str
) -> "Figure":
    """Bits per byte against hours of training and against its compute, 6ND (Eq. 3.2).

    Bars are the intervals over documents.
    """
    fig, axes = figure(4.2, ncols=2, sharey=True)
    for record, look in _looks(records):
        value = record.result.bits_per_byte
        low, high = intervals.get(record.run, (value, value))
        history = record.history
        flops = 6 * history.parameters * history.tokens
        for axis, x in zip(axes, (history.seconds / 3600, flops), strict=True):
            bar = [[value - low], [high - value]]
            axis.errorbar([x], [value], bar, label=record.run, capsize=2, **look)
    for axis, name in zip(axes, ("training_hours", "training_flops"), strict=True):
        _log_scale(axis)
        axis.set_xlabel(label(name, lang))
    axes[0].set_ylabel(label("bits_per_byte", lang))
    _legend_below(fig, axes[0])
    return fig


def ranking(
    records: Sequence["Record"], intervals: Mapping[str, tuple[float, float]], lang: str
) -> "Figure":
    """Every run's bits per byte with its interval over documents, the best on top."""
    fig, axis = figure(0.9 + 0.24 * len(records))
    ordered = sorted(_looks(records), key=lambda pair: -pair[0].result.bits_per_byte)
    for place, (record, look) in enumerate(ordered):
        value = record.result.bits_per_byte
        low, high = intervals.get(record.run, (value, value))
        filled = {} if record.params["cleaning"] == "v6" else {"markerfacecolor": "white"}
        axis.errorbar([value], [place], xerr=[[value - low], [high - value]], **look, **filled)
    axis.set_yticks(range(len(ordered)), [record.run for record, _ in ordered])
    axis.set_xlabel(label("bits_per_byte", lang))
    axis.grid(visible=False, axis="y")
    return fig


def fragmentation(records: Sequence["Record"], lang: str) -> "Figure":
    """Short pieces in the samples against real words and Portuguese in them; guardrail dashed."""
    fig, axes = figure(4.2, ncols=2)
    for record, look in _looks(records):
        found = record.legibility
        if found is None:
            continue
        for axis, y in zip(axes, (found.dictionary_share, found.language_share), strict=True):
            axis.plot([found.short_piece_ratio], [y], label=record.run, **look)
    for axis, name in zip(axes, ("dictionary_share", "language_share"), strict=True):
        axis.axvline(GUARDRAILS["short_piece_ratio"], color="black", linestyle="--", linewidth=1)
        axis.set_xlabel(label("short_piece_ratio", lang))
        axis.set_ylabel(label(name, lang))
    _legend_below(fig, axes[0])
    return fig


def _family(record: "Record") -> str:
    if "heads" in record.params:
        return "transformer"
    return "character_rnn" if record.params["tokenizer"].startswith("char") else "subword_rnn"


def _looks(records: Sequence["Record"]) -> list[tuple["Record", dict[str, Any]]]:
    """Each run with its colour (the family's) and its marker (its place in the family)."""
    seen = dict.fromkeys(FAMILIES, 0)
    found = []
    for record in records:
        family = _family(record)
        color = f"C{FAMILIES.index(family)}"
        look = {"color": color, "marker": MARKERS[seen[family] % len(MARKERS)], "linestyle": "-"}
        seen[family] += 1
        found.append((record, look))
    return found


def _log_scale(axis: "Axes") -> None:
    """Labels at 1 and 3 of a decade, at 1 alone where there are many: they do not collide."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_xscale("log")
    low, high = axis.get_xlim()
    subs = (1.0, 3.0) if high < 30 * low else (1.0,)
    axis.xaxis.set_major_locator(LogLocator(subs=subs))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _legend_below(fig: "Figure", axis: "Axes") -> None:
    handles, names = axis.get_legend_handles_labels()
    rows = math.ceil(len(names) / 3) or 1
    fig.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, title=None)
    fig.set_figheight(fig.get_figheight() + 0.12 * rows)
