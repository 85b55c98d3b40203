"""Chapter 18: blocks shown as equal, learning rates survived, and what differs at our scale."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.figures import MARKERS, figure
from brnb.report.labels import label
from brnb.report.tables import frame

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DECIMALS = {
    "variants": {"bits_per_byte": 4, "deviation": 4, "change": 4, "ci_low": 4, "ci_high": 4}
    | {"kib_context": 1, "tokens_per_second": 0, "learning_rate": None},
    "stability": {"best_loss": 3, "sensitivity": 3, "largest_score": 1},
}


def tab_rmsnorm(equality: "pd.DataFrame") -> "pd.DataFrame":
    """The lecture's class beside PyTorch's: largest differences, to two digits."""
    rows = [
        {
            "dtype": row["dtype"],
            "output_difference": _rounded(row["output"], 2),
            "input_gradient_difference": _rounded(row["input"], 2),
            "gain_gradient_difference": _rounded(row["gain"], 2),
            "rounding": _rounded(row["rounding"], 2),
        }
        for row in equality.to_dict("records")
    ]
    return frame(rows)


def fig_attention_caps(caps: "pd.DataFrame", lang: str) -> "Figure":
    """The most attention that one key can get, against the number of keys, by kind of norm."""
    names = {
        "l2": label("caps_l2", lang),
        "unit": label("caps_unit", lang),
        "learnt": label("caps_learnt", lang),
    }
    fig, axes = figure(2.6)
    for i, (form, rows) in enumerate(caps.groupby("form", sort=False)):
        look = {"color": f"C{i}", "marker": MARKERS[i], "label": names[str(form)]}
        axes.plot(rows["length"], rows["largest_weight"], **look)
    axes.set(xscale="log", yscale="log", ylim=(1e-4, 2))
    axes.set_xlabel(label("keys_in_sight", lang))
    axes.set_ylabel(label("largest_weight", lang))
    axes.legend()
    return fig


def fig_rope(scores: Mapping[int, Mapping[int, float]], head_dim: int, lang: str) -> "Figure":
    """Angles of every pair of dimensions, and the same two vectors' product by their distance.

    Parameters
    ----------
    scores
        By the query's position, by distance (`brnb.studies.rotation`).
    head_dim
        Of a head, for the angles.
    """
    from brnb.ops.rope import rope_table
    from brnb.studies.rotation import THETA

    length = len(next(iter(scores.values())))
    cos, _ = rope_table(length, head_dim, THETA)
    fig, (left, right) = figure(2.6, ncols=2)
    left.imshow(cos.T, aspect="auto", cmap="RdBu", interpolation="nearest")
    left.grid(visible=False)
    left.set(xlabel=label("position", lang), ylabel=label("pair_of_dimensions", lang))
    for i, (origin, by_distance) in enumerate(scores.items()):
        look = {"color": f"C{i}", "linewidth": (3, 1)[i], "linestyle": "-"}
        right.plot(list(by_distance), list(by_distance.values()), label=str(origin), **look)
    right.set(xlabel=label("distance", lang), ylabel=label("score", lang))
    right.legend(title=label("position", lang))
    return fig


def fig_windows(patterns: Mapping[str, "np.ndarray"], lang: str) -> "Figure":
    """Who sees whom in a block: rows are queries, columns keys.

    Parameters
    ----------
    patterns
        By name, as `brnb.studies.architectures.pattern` gives them.
    """
    names = {"causal": label("causal_attention", lang), "window": label("sliding_window", lang)}
    fig, panels = figure(2.6, ncols=len(patterns))
    for axes, (name, seen) in zip(panels, patterns.items(), strict=True):
        axes.imshow(seen, cmap="Blues", vmin=0, vmax=1.4, interpolation="nearest")
        axes.set_title(names[name])
        axes.set(xticks=[], yticks=[], xlabel=label("keys", lang), ylabel=label("queries", lang))
        axes.grid(visible=False)
    return fig


def tab_architecture_variants(compared: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """Each variant beside the base, at equal parameters and tokens."""
    groups = _groups(lang)
    rows = [
        {
            "group": groups.get(row["group"], row["group"]),
            "variant": groups["base"] if row["variant"] == "base" else row["variant"],
            "hidden": row["hidden"],
            "learning_rate": _rounded(row["learning_rate"], 1),
            "bits_per_byte": row["bits_per_byte"],
            "deviation": row["deviation"],
            "change": row["change"],
            "ci_low": row["ci_low"],
            "ci_high": row["ci_high"],
            "exceeds": row["exceeds"],
            "exceeds_corrected": row["exceeds_corrected"],
            "kib_context": row["kv_bytes_context"] / 1024,
            "tokens_per_second": row["tokens_per_second"],
        }
        for row in compared.to_dict("records")
    ]
    return frame(rows)


def fig_architecture_variants(compared: "pd.DataFrame", lang: str) -> "Figure":
    """Change in bits per byte against the base, with intervals; full marks exceed the seeds'."""
    rows = [row for row in compared.to_dict("records") if row["variant"] != "base"]
    colors = {group: f"C{i}" for i, group in enumerate(dict.fromkeys(r["group"] for r in rows))}
    fig, axes = figure(0.9 + 0.22 * len(rows))
    axes.axvline(0, color="0.3", linewidth=0.8, linestyle=":")
    for y, row in enumerate(reversed(rows)):
        color = colors[row["group"]]
        axes.plot((row["ci_low"], row["ci_high"]), (y, y), color=color, linestyle="-")
        face = color if row["exceeds_corrected"] else "white"
        axes.plot(row["change"], y, "o", color=color, markerfacecolor=face)
    groups = _groups(lang)
    names = [f"{groups.get(r['group'], r['group'])}: {r['variant']}" for r in reversed(rows)]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel(label("change_bits_per_byte", lang))
    return fig


def fig_qk_norm_stability(sweep: "pd.DataFrame", lang: str) -> "Figure":
    """Loss and largest attention score against the learning rate, with and without norms.

    Parameters
    ----------
    sweep
        As `brnb.studies.stability.stability` gives it; a loss that is not finite is drawn where
        a model that knows nothing stands.
    """
    fig, (losses, scores) = figure(3.2, ncols=2)
    start, unigram = (float(sweep[name].iloc[0]) for name in ("start", "unigram"))
    for i, (form, rows) in enumerate(sweep.groupby("form", sort=False)):
        look = {"color": f"C{i}", "marker": MARKERS[i]}
        name = _forms(lang).get(str(form), str(form))
        drawn = rows.assign(loss=rows["loss"].astype(float).fillna(start).clip(upper=start))
        _against_rate(losses, drawn, "loss", look | {"label": name})
        _against_rate(scores, rows.dropna(subset=["largest_score"]), "largest_score", look)
    bound = {"color": "0.5", "linewidth": 0.8, "linestyle": ":"}
    losses.axhline(unigram, label=label("unigram_loss", lang), **bound)
    losses.set(xscale="log", xlabel=label("learning_rate", lang), ylabel=label("loss", lang))
    scores.set(xscale="log", yscale="log", xlabel=label("learning_rate", lang))
    scores.set_ylabel(label("largest_score", lang))
    fig.legend(*losses.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return fig


def tab_qk_norm_stability(sensitivities: "pd.DataFrame", lang: str) -> "pd.DataFrame":
    """How much the rate matters to each form, and up to which none of its trainings diverges."""
    forms = _forms(lang)
    rows = [
        {
            "form": forms.get(row["form"], row["form"]),
            "best_rate": _rounded(row["best_rate"], 1),
            "best_loss": row["best_loss"],
            "sensitivity": row["sensitivity"],
            "highest_stable_rate": _rounded(row["highest_stable_rate"], 1),
            "diverged": row["diverged"],
            "trainings": row["trainings"],
            "largest_score": row["largest_score"],
        }
        for row in sensitivities.to_dict("records")
    ]
    return frame(rows)


def _against_rate(axes: "Axes", rows: "pd.DataFrame", name: str, look: Any) -> None:
    """Mean over seeds as a line, each seed as a faint mark."""
    rates, values = rows["learning_rate"].astype(float), rows[name].astype(float)
    mean = values.groupby(rates).mean()
    axes.plot(mean.index, mean, **look)
    axes.plot(rates, values, look["marker"], color=look["color"], alpha=0.35, markersize=3)


def _rounded(value: float | None, digits: int) -> float | None:
    """A value of so many significant digits; tables print a tiny one as a power of ten."""
    return None if value is None or value != value else float(f"{value:.{digits - 1}e}")


def _groups(lang: str) -> dict[str, str]:
    return {
        "base": label("base", lang),
        "attention": label("attention", lang),
        "qk_norm": label("draw_qk_norm", lang),
        "norm": label("norm", lang),
        "activation": label("activation", lang),
    }


def _forms(lang: str) -> dict[str, str]:
    return {
        "without": label("form_without", lang),
        "learnt": label("form_learnt", lang),
        "unit": label("form_unit", lang),
        "l2": label("form_l2", lang),
    }


def most_changed(compared: "pd.DataFrame") -> Sequence[dict[Any, Any]]:
    """Variants whose difference exceeds the seeds', corrected for all rows, best first."""
    rows = [row for row in compared.to_dict("records") if row["exceeds_corrected"]]
    return sorted(rows, key=lambda row: float(row["change"]))
