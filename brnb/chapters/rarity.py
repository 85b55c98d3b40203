"""Chapter 01: how rare the architectures of open models are, and what the score chooses."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.rarity import example
from brnb.rarity.score import CATEGORIES, FEATURES, inverse_frequency, published_band, quantile_band
from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.report.tables import AsPrinted
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

METHODS = ("rarity", "max_min", "random")


def tab_rarity_example(weights: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """The worked example's weights and score, published and from our `score` of its population."""
    table = _in_words(example.recomputed(weights), lang, "feature")
    return table.assign(published=table["published"].map(AsPrinted))


def tab_rarity_frequencies(models: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Count and weight of every value of the three categories."""
    import pandas as pd

    rows = []
    for feature in CATEGORIES:
        weights = inverse_frequency(models[feature]).groupby(models[feature]).agg(["size", "mean"])
        for value, (count, weight) in weights.sort_values("mean", ascending=False).iterrows():
            row = {"feature": label(feature, lang), "value": value, "count": int(count)}
            rows.append(row | {"weight": weight})
    return pd.DataFrame(rows)


def tab_chosen_models(choices: Mapping[str, "pd.DataFrame"]) -> "pd.DataFrame":
    """The chosen models of every size class, with what their score is made of.

    Parameters
    ----------
    choices
        By size class: rows of `brnb.rarity.score.select`.
    """
    import pandas as pd

    columns = ["rank", "name", "attention", "activation", "norm", "context", "score", "baseline"]
    classes = [choice[columns].assign(size_class=name) for name, choice in choices.items()]
    return pd.concat(classes, ignore_index=True).rename(columns={"name": "model"})


def fig_chosen_models(choices: Mapping[str, "pd.DataFrame"], lang: str) -> "Figure":
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
        0.7 + 0.2 * sum(heights), nrows=len(choices), ncols=2, squeeze=False,
        gridspec_kw={"height_ratios": heights, "width_ratios": [3, 1]},
    )  # fmt: skip
    top = max(choice["score"].max() for choice in choices.values())
    for (tiles, bars), (title, choice) in zip(axes, choices.items(), strict=True):
        _draw_tiles(tiles, choice, lang)
        tiles.set_title(title, loc="left")
        # The middle of tile i is at i + 1/2, counted from the top.
        bars.barh(np.arange(len(choice)) + 0.5, choice["score"], color="0.55", height=0.7)
        texts = [format_number(score, lang, 1) for score in choice["score"]]
        bars.bar_label(bars.containers[0], labels=texts, padding=2, fontsize=8)
        bars.set(xlim=(0, 1.3 * top), ylim=tiles.get_ylim(), xticks=[], yticks=[])
        bars.grid(visible=False)
    for axis in axes[:-1, 0]:
        axis.set_xticklabels([])
    axes[-1, 1].set_xlabel(label("score", lang))
    fig.text(0.01, 0.005, f"* {label('baseline', lang)}", fontsize=8)
    return fig


def _draw_tiles(axis: Any, choice: "pd.DataFrame", lang: str) -> None:
    """A heat map of the logarithms of the features' weights, with the values in its cells."""
    import seaborn as sns

    weights = np.log(choice[[f"weight_{name}" for name in FEATURES]].clip(lower=0.5).to_numpy())
    values = choice[list(FEATURES)].assign(context=choice["context"].map(_context)).astype(str)
    sns.heatmap(
        weights, vmin=-1, vmax=6, cmap="Blues", cbar=False, ax=axis, annot=values.to_numpy(),
        fmt="", annot_kws={"fontsize": 8},
        xticklabels=[label(name, lang) for name in FEATURES],
        yticklabels=choice["name"] + np.where(choice["baseline"], " *", ""),
    )  # fmt: skip
    axis.tick_params(length=0, rotation=0)
    for text, weight in zip(axis.texts, weights.flat, strict=True):
        text.set_color("white" if weight > 3.5 else "black")


def _context(tokens: int) -> str:
    return f"{tokens / 1024:g}K" if tokens % 1024 == 0 else f"{tokens / 1000:g}K"


def tab_rarity_bands(
    models: "pd.DataFrame", quantiles: Sequence[float], lang: str
) -> "pd.DataFrame":
    """Band that the document gives to its examples, and those that their scores give."""
    scores = models.set_index("name")["score"]
    formula, ours = published_band(scores), quantile_band(scores, *quantiles)
    claims = [claim for claim in load("rarity", "described") if claim["model"] in scores.index]
    names = [claim["model"] for claim in claims]
    bands = scores[names].rename_axis("model").reset_index()
    bands["band_described"] = [claim["band"] for claim in claims]
    bands["band_formula"], bands["band_quantile"] = formula[names].tolist(), ours[names].tolist()
    return _in_words(bands, lang, "band_described", "band_formula", "band_quantile")


def fig_rarity_bands(scores: "pd.Series", quantiles: Sequence[float], lang: str) -> "Figure":
    """Share of the models up to a score; the published limits dashed, the quantiles dotted."""
    import seaborn as sns

    fig, axis = figure(2.4)
    sns.ecdfplot(scores, ax=axis, color="C0", linestyle="-")
    limits = {"bands_published": (5, 10), "bands_quantile": scores.quantile(list(quantiles))}
    for (name, at), color, line in zip(limits.items(), ("black", "C1"), ("--", ":"), strict=True):
        axis.vlines(at, 0, 1, colors=color, linestyles=line, label=label(name, lang))
    axis.set_xscale("log")
    ticks = [1, 2, 5, 10, 20]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel(label("rarity_score_axis", lang))
    axis.set_ylabel(label("share_of_models", lang))
    axis.legend(loc="upper left", bbox_to_anchor=(0.07, 1))
    return fig


def tab_rarity_described(misdescribed: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Architectures that the document gives to models, and those that they have.

    Parameters
    ----------
    misdescribed
        Of `brnb.rarity.example.misdescribed`.
    lang
        Language of the cells.
    """
    return _in_words(misdescribed, lang, "feature")


def tab_rarity_sizes(
    models: "pd.DataFrame", small: Sequence[float], large: Sequence[float]
) -> "pd.DataFrame":
    """How many models fall inside of the two size classes, and below, between and above them."""
    import pandas as pd

    size = models["size"]
    ranges = [
        (f"< {small[0]:g}B", size < small[0]),
        (f"{small[0]:g}–{small[1]:g}B", size.between(small[0], small[1])),
        (f"{small[1]:g}–{large[0]:g}B", (size > small[1]) & (size < large[0])),
        (f"{large[0]:g}–{large[1]:g}B", size.between(large[0], large[1])),
        (f"> {large[1]:g}B", size > large[1]),
    ]
    rows = []
    for name, inside in ranges:
        newest = models[inside].sort_values("released", ascending=False)["name"]
        row = {"size_range": name, "count": int(inside.sum()), "newest": "; ".join(newest[:3])}
        rows.append(row)
    return pd.DataFrame(rows)


def fig_selection_coverage(comparisons: Mapping[str, "pd.DataFrame"], lang: str) -> "Figure":
    """Coverage of architectures against the number of models chosen, a panel a size class.

    Parameters
    ----------
    comparisons
        By size class: rows of `brnb.rarity.diversity.compare_choices`.
    lang
        Language of the labels.
    """
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


def at_size(comparisons: Mapping[str, "pd.DataFrame"], n: int) -> "pd.DataFrame":
    """Coverage and distance of every method where it chooses `n` models, by size class."""
    import pandas as pd

    classes = [rows[rows["n"] == n].assign(size_class=name) for name, rows in comparisons.items()]
    columns = ["size_class", "method", "coverage", "radius"]
    return pd.concat(classes, ignore_index=True)[columns]


def tab_selection_diversity(diversity: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """How diverse each method's choice is; `diversity` is that of `at_size`."""
    return _in_words(diversity, lang, "method")


def tab_rarity_variants(variants: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """What the readings of the formula choose; `brnb.rarity.sensitivity.variants` with words."""
    return _in_words(variants, lang, "context_weight", "attention_mean")


def fig_rarity_sensitivity(
    left_out: "pd.DataFrame", resampled: "pd.DataFrame", lang: str
) -> "Figure":
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


def _in_words(table: "pd.DataFrame", lang: str, *columns: str) -> "pd.DataFrame":
    """The table with the ids in `columns` replaced by their labels."""
    return table.assign(**{name: [label(id, lang) for id in table[name]] for name in columns})
