"""Figures of the tokenizer chapter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.tokenizers.fragmentation import GUARDRAILS, Fragmentation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = ("tokens_per_word", "bytes_per_token", "short_piece_ratio", "fallback_ratio")


def fragmentation(measures: Sequence[Fragmentation], lang: str) -> "Figure":
    """One panel a measure, one bar a tokenizer; the guardrails' limits as dashed lines."""
    names = [measure.tokenizer for measure in measures]
    fig, axes = figure(0.8 + 0.2 * len(names), ncols=len(MEASURES), sharey=True)
    for axis, name in zip(axes, MEASURES, strict=True):
        axis.barh(names, [getattr(measure, name) for measure in measures])
        axis.set_xlabel(label(name, lang))
        axis.grid(visible=False, axis="y")
        if name in GUARDRAILS:
            axis.axvline(GUARDRAILS[name], color="black", linestyle="--", linewidth=1)
    axes[0].invert_yaxis()
    return fig
