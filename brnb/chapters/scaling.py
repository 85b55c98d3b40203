"""Chapter 22: our scaling law, its exponent, and what it predicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.studies.law import Fit, LossPrediction
    from brnb.studies.sweep import SweepTraining


def tab_scaling_sizes(trained: Sequence["SweepTraining"]) -> "pd.DataFrame":
    """One row a size: its shape, its learning rate, and means over seeds of loss and time."""
    from brnb.evaluate.statistics import mean_and_deviation

    rows = []
    for size in sorted({t.non_embedding for t in trained}):
        group = [t for t in trained if t.non_embedding == size]
        loss, deviation = mean_and_deviation([t.loss for t in group])
        rows.append(
            {
                "width": group[0].width,
                "layers": group[0].layers,
                "parameters_million": group[0].parameters / 1e6,
                "non_embedding_million": size / 1e6,
                "learning_rate": group[0].learning_rate,
                "seeds": len(group),
                "val_loss": loss,
                "standard_deviation": deviation,
                "bits_per_byte": sum(t.bits_per_byte for t in group) / len(group),
                "seconds": sum(t.history.seconds for t in group) / len(group),
            }
        )
    return frame(rows)


def tab_scaling_laws(fits: Mapping[str, "Fit"], lang: str) -> "pd.DataFrame":
    """Our laws with intervals, then the published ones; ``fits`` are named by labels.

    The floor of a published law is its E, which ours holds together with B/D^beta.
    """
    rows: list[dict[str, Any]] = []
    for name, fit in fits.items():
        row: dict[str, Any] = {"law": label(name, lang)}
        for value in ("floor", "exponent"):
            low, high = fit.interval(value)
            row |= {value: getattr(fit.law, value), f"{value}_low": low, f"{value}_high": high}
        rows.append(row)
    for facts in load("scaling").values():
        floor = None if facts["E"] is None else float(facts["E"])
        published = {"law": facts["name"], "floor": floor, "floor_low": None, "floor_high": None}
        rows.append(published | {"exponent": float(facts["alpha"])})
    return frame(rows)


def tab_scaling_prediction(predicted: Mapping[str, "LossPrediction"], lang: str) -> "pd.DataFrame":
    """The largest size, measured and as the laws of the smaller sizes predict it."""
    rows = [
        {
            "law": label(name, lang),
            "parameters_million": p.parameters / 1e6,
            "measured_loss": p.measured,
            "predicted_loss": p.predicted,
            "ci_low": p.low,
            "ci_high": p.high,
            "error_percent": 100 * p.error,
        }
        for name, p in predicted.items()
    ]
    return frame(rows)


def fig_scaling_law(
    trained: Sequence["SweepTraining"],
    fits: Mapping[str, "Fit"],
    predictions: Mapping[str, "LossPrediction"],
    lang: str,
) -> "Figure":
    """Validation loss against size, both logarithmic: every training, the laws and their bands.

    Crosses are what the laws of the smaller sizes predict for the largest.
    """
    import numpy as np

    fig, axis = figure(3.8)
    sizes = [t.non_embedding for t in trained]
    grid = np.geomspace(min(sizes), max(sizes), 100)  # where something was measured
    for place, (name, fit) in enumerate(fits.items()):
        low, high = fit.band(grid)
        color = f"C{place}"
        axis.plot(grid, fit.law.loss(grid), color=color, label=label(name, lang))
        axis.fill_between(grid, low, high, color=color, alpha=0.2, linewidth=0)
        if name in predictions:
            prediction = predictions[name]
            at = (prediction.parameters, prediction.predicted)
            axis.plot(*at, "x", color=color, markersize=8, markeredgewidth=1.5)
    losses = [t.loss for t in trained]
    look = {"markerfacecolor": "none", "color": "black", "markersize": 5}
    axis.plot(sizes, losses, "o", label=label("trainings", lang), **look)
    axis.plot([], [], "x", color="0.4", label=label("predicted_loss", lang))
    axis.set_xscale("log")
    _few_ticks(axis)
    axis.set_xlabel(label("non_embedding", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend()
    return fig


def fig_scaling_curves(trained: Sequence["SweepTraining"], lang: str) -> "Figure":
    """Validation loss against tokens, one colour a size, one line a seed."""
    from matplotlib import colormaps

    fig, axis = figure(3.4)
    sizes = sorted({t.non_embedding for t in trained})
    colors = colormaps["viridis"]
    named = set()
    for t in trained:
        place = sizes.index(t.non_embedding) / max(1, len(sizes) - 1)
        name = None if t.non_embedding in named else f"{t.width} × {t.layers}"
        named.add(t.non_embedding)
        rows = t.history.validation
        tokens = [row["tokens"] / 1e6 for row in rows]
        losses = [row["loss"] for row in rows]
        axis.plot(tokens, losses, "o-", color=colors(0.9 * place), label=name, markersize=3)
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend(title=label("width_by_layers", lang))
    return fig


def fig_scaling_exponents(fits: Mapping[str, "Fit"], lang: str) -> "Figure":
    """Our exponents with their intervals beside the published ones."""
    published = {facts["name"]: float(facts["alpha"]) for facts in load("scaling").values()}
    fig, axis = figure(0.9 + 0.3 * (len(fits) + len(published)))
    names: list[str] = []
    for name, fit in fits.items():
        low, high = fit.interval("exponent")
        value = fit.law.exponent
        # The interval is of percentiles: it need not hold the estimate.
        bar = [[max(0.0, value - low)], [max(0.0, high - value)]]
        axis.errorbar([value], [len(names)], xerr=bar, fmt="o", color="C0", capsize=3)
        names.append(label(name, lang))
    for text, value in published.items():
        axis.plot([value], [len(names)], "D", color="C1")
        names.append(text)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    known = [*published.values(), *(fit.law.exponent for fit in fits.values())]
    axis.set_xlim(0, 2 * max(known))  # an interval that says nothing runs out of the figure
    axis.set_xlabel(label("exponent", lang))
    axis.grid(visible=False, axis="y")
    return fig


def _few_ticks(axis: "Axes") -> None:
    """A logarithmic axis of losses, which spans less than a decade, with plain numbers."""
    from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(MaxNLocator(5))
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_locator(NullLocator())
