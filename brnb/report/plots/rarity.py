"""Figures of the rarity chapter."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.rarity.score import FEATURES
from brnb.report.figures import figure
from brnb.report.labels import format_number, label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

METHODS = ("rarity", "max_min", "random")


def _context(tokens: int) -> str:
    return f"{tokens / 1024:g}K" if tokens % 1024 == 0 else f"{tokens / 1000:g}K"


def chosen_models(choices: Mapping[str, "pd.DataFrame"], lang: str) -> "Figure":
    """The chosen models of each class: a tile a feature, darker when rarer, and the score.

    Parameters
    ----------
    choices
        By title: rows of `brnb.rarity.score.select`.
    lang
        Language of the labels.
    """
    heights = [len(choice) for choice in choices.values()]
    fig, axes = figure(
        0.7 + 0.2 * sum(heights), nrows=len(choices), ncols=2, squeeze=False, sharey="row",
        gridspec_kw={"height_ratios": heights, "width_ratios": [3, 1]},
    )  # fmt: skip
    top = max(choice["score"].max() for choice in choices.values())
    for (tiles, bars), (title, choice) in zip(axes, choices.items(), strict=True):
        _draw_tiles(tiles, choice)
        tiles.set_title(title, loc="left")
        bars.barh(range(len(choice)), choice["score"], color="0.55", height=0.7)
        texts = [format_number(score, lang, 1) for score in choice["score"]]
        bars.bar_label(bars.containers[0], labels=texts, padding=2, fontsize=8)
        bars.set_xlim(0, 1.3 * top)
        bars.grid(visible=False)
        bars.set_xticks([])
        bars.tick_params(axis="y", length=0)
    for axis in axes[:-1, 0]:
        axis.set_xticklabels([])
    axes[-1, 0].set_xticks(range(len(FEATURES)), [label(name, lang) for name in FEATURES])
    axes[-1, 1].set_xlabel(label("score", lang))
    fig.text(0.01, 0.005, f"* {label('baseline', lang)}", fontsize=8)
    return fig


def _draw_tiles(axis: Any, choice: "pd.DataFrame") -> None:
    """Cells with each model's values, coloured by the logarithm of their weight."""
    weights = np.log(choice[[f"weight_{name}" for name in FEATURES]].clip(lower=0.5).to_numpy())
    axis.imshow(weights, aspect="auto", cmap="Blues", vmin=-1, vmax=6)
    names = choice["name"] + np.where(choice["baseline"], " *", "")
    axis.set_yticks(range(len(choice)), names)
    axis.set_xticks(range(len(FEATURES)))
    axis.grid(visible=False)
    axis.tick_params(length=0)
    for row, values in enumerate(choice[list(FEATURES)].itertuples(index=False)):
        for column, value in enumerate(values):
            text = _context(value) if FEATURES[column] == "context" else str(value)
            dark = weights[row, column] > 3.5
            axis.text(column, row, text, ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")  # fmt: skip


def bands(scores: "pd.Series", quantiles: Sequence[float], lang: str) -> "Figure":
    """Share of the models up to a score; the published limits dashed, the quantiles dotted."""
    fig, axis = figure(2.4)
    axis.ecdf(scores, color="C0", linestyle="-")
    limits = {"bands_published": (5, 10), "bands_quantile": scores.quantile(list(quantiles))}
    for (name, at), color, line in zip(limits.items(), ("black", "C1"), ("--", ":"), strict=True):
        axis.vlines(at, 0, 1, colors=color, linestyles=line, label=label(name, lang))
    axis.set_xscale("log")
    ticks = [1, 2, 5, 10, 20]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel(label("score", lang))
    axis.set_ylabel(label("share_of_models", lang))
    axis.legend(loc="upper left", bbox_to_anchor=(0.07, 1))
    return fig


def coverage(comparisons: Mapping[str, "pd.DataFrame"], lang: str) -> "Figure":
    """Coverage of architectures against the number of models chosen, a panel a size class."""
    fig, axes = figure(2.6, ncols=len(comparisons), sharey=True, squeeze=False)
    for axis, (title, comparison) in zip(axes[0], comparisons.items(), strict=True):
        for method in METHODS:
            rows = comparison[comparison["method"] == method]
            axis.plot(rows["n"], rows["coverage"], label=label(method, lang))
        axis.fill_between(
            rows["n"], rows["low"].astype(float), rows["high"].astype(float), color="C2", alpha=0.2,
            linewidth=0,
        )  # fmt: skip
        axis.set_title(title)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel(label("chosen_beyond", lang))
    axes[0, 0].set_ylabel(label("coverage", lang))
    axes[0, -1].legend(loc="lower right")
    return fig


def sensitivity(left_out: "pd.DataFrame", resampled: "pd.DataFrame", lang: str) -> "Figure":
    """What is kept without one feature, and how often the bootstrap chooses each model."""
    shown = resampled[resampled["chosen"] > 0.05]
    fig, (left, right) = figure(0.9 + 0.17 * len(shown), ncols=2, width_ratios=[1, 1.6])
    left.barh([label(name, lang) for name in left_out["feature"]], left_out["kept"], height=0.4)
    left.set_title(label("without_feature", lang), loc="left")
    left.set_xlabel(label("kept", lang))
    right.barh(shown["name"], shown["chosen"], height=0.6)
    right.set_title(label("bootstrap", lang), loc="left")
    right.set_xlabel(label("chosen", lang))
    right.tick_params(axis="y", labelsize=8)
    for axis in (left, right):
        axis.invert_yaxis()
        axis.set_xlim(0, 1)
        axis.grid(visible=False, axis="y")
    return fig
