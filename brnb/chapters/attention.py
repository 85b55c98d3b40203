"""Tables and figures of chapter 20: what attention costs, and what it is in our models."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.algorithms.sparse_masks import MaskRule
    from brnb.evaluate.attention_costs import Cost
    from brnb.evaluate.gradient_paths import Products, Reach
    from brnb.evaluate.heads import Heads
    from brnb.evaluate.masked import Quality

CROSSING = 6  # times the width: A.20's two terms are equal


def tab_attention_costs(costs: Sequence["Cost"], lang: str) -> "pd.DataFrame":
    """Each kind at the longest text, beside naive attention."""
    longest = max(cost.n for cost in costs)
    at = {cost.kind: cost for cost in costs if cost.n == longest}
    rows = [
        {
            "method": label(kind, lang),
            "n": longest,
            "milliseconds": 1e3 * cost.seconds,
            "megabytes": cost.bytes / 1e6,
            "time_ratio": cost.seconds / at["naive"].seconds,
            "memory_ratio": cost.bytes / at["naive"].bytes,
        }
        for kind, cost in at.items()
    ]
    return frame(rows)


def fig_attention_crossover(
    costs: Sequence["Cost"], width: int, crossings: Mapping[str, float | None], lang: str
) -> "Figure":
    """Time and memory against length, logarithmic, with the length at which A.20's terms cross.

    Parameters
    ----------
    width
        d: they cross at 6 d.
    crossings
        By kind, the length from which it took longer than the linear maps.
    """
    fig, (times, memory) = figure(3.8, ncols=2)
    for i, kind in enumerate(dict.fromkeys(cost.kind for cost in costs)):
        line = [cost for cost in costs if cost.kind == kind]
        lengths, color = [cost.n for cost in line], "0.5" if kind == "linear" else f"C{i}"
        look = {"color": color, "marker": "o", "markersize": 3, "label": label(kind, lang)}
        times.plot(lengths, [1e3 * cost.seconds for cost in line], **look)
        memory.plot(lengths, [cost.bytes / 1e6 for cost in line], **look)
    times.axvline(CROSSING * width, color="0.3", linewidth=0.8, linestyle=":", label="$n = 6d$")
    for kind, crossing in crossings.items():
        if crossing is not None:
            name = f"{label(kind, lang)} = {label('linear', lang).lower()}"
            times.axvline(crossing, color="C0", linewidth=0.8, linestyle="--", label=name)
    for axes, name in ((times, "milliseconds"), (memory, "megabytes")):
        axes.set(xscale="log", yscale="log", xlabel=label("tokens_of_text", lang))
        axes.set_ylabel(label(name, lang))
        axes.set_xticks(lengths, [str(n) for n in lengths], minor=False, fontsize=7)
        axes.set_xticks([], minor=True)
    fig.legend(*times.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig


def fig_attention_masks(masks: Mapping[str, "MaskRule"], n: int, lang: str) -> "Figure":
    """What each query (a row) of a text of n tokens sees."""
    from brnb.algorithms.sparse_masks import dense

    fig, panels = figure(2.0, ncols=len(masks), sharey=True)
    for axes, (name, mask) in zip(panels, masks.items(), strict=True):
        axes.imshow(dense(mask, n), cmap="Blues", vmin=0, vmax=1.4, interpolation="nearest")
        axes.set_title(label(name, lang))
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
    return fig


def tab14(qualities: Mapping[str, "Quality"], lang: str) -> "pd.DataFrame":
    """Table 14 with quality measured, for the methods that it has and for ours beside them."""
    printed = {row["mask"]: row for row in load("attention", "tab14")}
    rows = []
    for name, quality in qualities.items():
        facts = printed.get(name, {})
        rows.append(
            {
                "method": label(name, lang),
                "time_order": facts.get("time"),
                "memory_order": facts.get("memory"),
                "quality_published": facts.get("quality"),
                "seen_percent": 100 * quality.seen,
                "bits_per_byte": quality.bits_per_byte,
                "quality_percent": 100 * quality.share,
                "ci_low": 100 * quality.low,
                "ci_high": 100 * quality.high,
            }
        )
    return frame(rows)


def tab_attention_gradients(reaches: Mapping[str, "Reach"]) -> "pd.DataFrame":
    """How gradients shrink with distance, by run, relative to the last token's own."""
    rows = []
    for run, reach in reaches.items():
        relative = reach.norms / reach.norms[0]
        rows.append(
            {
                "run": run,
                "decay": reach.decay,
                "half_distance": reach.half,
                "at_1": relative[1],
                "at_16": relative[16],
                "farthest": relative[-1],
            }
        )
    return frame(rows)


def fig_attention_gradients(reaches: Mapping[str, "Reach"], lang: str) -> "Figure":
    """Norm of the gradient by distance, relative to the last token's, and the fitted lines."""
    import numpy as np

    fig, axes = figure(3.0)
    for i, (run, reach) in enumerate(reaches.items()):
        distance = np.arange(len(reach.norms))
        axes.plot(distance, reach.norms / reach.norms[0], color=f"C{i}", label=run)
        middle, typical = distance[1:].mean(), np.exp(np.log(reach.norms[1:]).mean())
        fitted = typical * reach.decay ** (distance - middle)
        axes.plot(distance, fitted / reach.norms[0], color=f"C{i}", linewidth=0.7, linestyle=":")
    axes.set(yscale="log", xlabel=label("distance", lang), ylabel=label("relative_gradient", lang))
    axes.legend()
    return fig


def tab_attention_state(products: Sequence["Products"]) -> "pd.DataFrame":
    """A.30 tried: the product of Jacobians beside what one step's eigenvalues and norms say."""
    names = ("steps", "product", "by_eigenvalue", "by_norm")
    return frame([{name: getattr(row, name) for name in names} for row in products])


def tab_attention_heads(heads: Sequence["Heads"]) -> "pd.DataFrame":
    """One row a block."""
    names = ("sparsity", "uniform_sparsity", "distance", "uniform_distance", "score_rank")
    rows = []
    for i, head in enumerate(heads, start=1):
        row = {"layer": i} | {name: getattr(head, name) for name in (*names, "weight_rank")}
        steepness = zip((1, 2, 4), head.steepness, strict=True)
        rows.append(row | {f"steepness_{scale}": value for scale, value in steepness})
    return frame(rows)


def fig_attention_positions(length: int, width: int, lang: str) -> "Figure":
    """The sinusoidal table, and how alike two positions are by their distance, from two places."""
    from brnb.algorithms.positions import sinusoidal_positions

    table = sinusoidal_positions(length, width)
    fig, (left, right) = figure(2.6, ncols=2)
    left.imshow(table, aspect="auto", cmap="RdBu", interpolation="nearest")
    left.grid(visible=False)
    left.set(xlabel=label("dimension", lang), ylabel=label("position", lang))
    for i, at in enumerate((length // 4, length // 2)):
        alike = table @ table[at] / (width / 2)
        right.plot(range(-at, length - at), alike, color=f"C{i}", label=f"{at}")
    right.set(xlabel=label("distance", lang), ylabel=label("likeness", lang))
    right.legend(title=label("position", lang))
    return fig
