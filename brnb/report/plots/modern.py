"""Figures of the modern recipe (chapter 10)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.studies.ablation import Race, Worth
    from brnb.train.history import History


def race_curves(
    histories: Mapping[str, "History"], race: "Race", scale: float, lang: str
) -> "Figure":
    """Validation bits per byte of both runs against tokens: losses times `scale`. The legend tells
    their parameters.

    Dashed is the baseline's best; dotted, where each of the two had it.
    """
    fig, axis = figure(3.4)
    for run, history in histories.items():
        tokens = [row["tokens"] / 1e6 for row in history.validation]
        bits = [row["loss"] * scale for row in history.validation]
        size = f"{history.parameters / 1e6:.0f} M"
        axis.plot(tokens, bits, "o-", markersize=4, label=f"{run} ({size})")
    axis.axhline(race.target, color="black", linestyle="--", linewidth=1)
    for reached in (race.baseline_tokens, race.tokens):
        if reached is not None:
            axis.axvline(reached / 1e6, color="black", linestyle=":", linewidth=1)
    axis.set_xlim(left=0)
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("bits_per_byte", lang))
    axis.legend()
    return fig


def ablation(rows: Sequence["Worth"], lang: str) -> "Figure":
    """What removing each ingredient adds to the bits per byte, with its interval; points, seeds."""
    removed = [row for row in rows if row.row.ingredient is not None]
    whole = next(row.row.bits_per_byte for row in rows if row.row.ingredient is None)
    fig, axis = figure(0.9 + 0.3 * len(removed))
    removed.sort(key=lambda row: row.change)
    for place, row in enumerate(removed):
        bar = [[row.change - row.low], [row.high - row.change]]
        axis.errorbar([row.change], [place], xerr=bar, fmt="o", color="C0", capsize=2)
        seeds = [bits - full for bits, full in zip(row.row.bits_per_byte, whole, strict=True)]
        axis.plot(seeds, [place] * len(seeds), "|", color="black", markersize=7)
    axis.axvline(0, color="black", linestyle="--", linewidth=1)
    names = [label(f"without_{row.row.ingredient}", lang) for row in removed]
    axis.set_yticks(range(len(removed)), names)
    axis.set_xlabel(label("bits_per_byte_change", lang))
    axis.grid(visible=False, axis="y")
    return fig
