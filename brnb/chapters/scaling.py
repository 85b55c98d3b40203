"""Chapter 22: our scaling law, its exponent, and what it predicts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.log_axis import log_axis, power_of_ten
from brnb.report.tables import AsPrinted, frame
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from brnb.studies.hoffmann import HoffmannFit
    from brnb.studies.isoflop import Budgeted
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
            told = f"{label('predicted_loss', lang)}: {label(name, lang).lower()}"
            cross = {"color": color, "marker": "xP"[place % 2], "markersize": 8, "ls": "none"}
            axis.plot(*at, label=told, **cross)
    losses = [t.loss for t in trained]
    look = {"markerfacecolor": "none", "color": "black", "markersize": 5}
    axis.plot(sizes, losses, "o", label=label("trainings", lang), **look)
    log_axis(axis.xaxis, lang)
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
    edge = 2 * max(known)  # an interval that says nothing runs out of the figure: an arrow says so
    axis.set_xlim(0, edge)
    for row, fit in enumerate(fits.values()):
        if fit.interval("exponent")[1] > edge:
            axis.plot([edge], [row], ">", color="C0", clip_on=False)
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


def tab_isoflop(trained: Sequence["Budgeted"]) -> "pd.DataFrame":
    """One row a budget and size: tokens, tokens a parameter, and the loss on test over seeds."""
    from brnb.evaluate.statistics import mean_and_deviation

    groups: dict[tuple[float, int, int], list[Budgeted]] = {}
    for one in trained:
        groups.setdefault((one.budget, one.width, one.layers), []).append(one)
    rows = []
    for (budget, width, layers), group in groups.items():
        mean, deviation = mean_and_deviation([one.loss for one in group])
        rows.append(
            {"training_flop": budget, "width": width, "layers": layers}
            | {"non_embedding_million": group[0].parameters / 1e6}
            | {"tokens_million": group[0].tokens / 1e6, "learning_rate": group[0].learning_rate}
            | {"seeds": len(group), "test_loss": mean, "standard_deviation": deviation}
        )
    return frame(rows)


def fig_isoflop(trained: Sequence["Budgeted"], fit: "HoffmannFit", lang: str) -> "Figure":
    """Loss on test against size, one colour a budget; parabolas, and their vertices as crosses."""
    import numpy as np
    from matplotlib import colormaps

    fig, axis = figure(3.6)
    budgets = sorted({one.budget for one in trained})
    curves = {curve.budget: curve for curve in fit.curves}
    for place, budget in enumerate(budgets):
        color = colormaps["viridis"](0.9 * place / max(1, len(budgets) - 1))
        group = [one for one in trained if one.budget == budget]
        sizes = [one.parameters for one in group]
        losses = [one.loss for one in group]
        name = f"{power_of_ten(float(f'{budget:.0e}'), lang)} FLOP"
        axis.plot(sizes, losses, "o", color=color, markersize=4, label=name)
        if budget in curves:
            grid = np.geomspace(min(sizes), max(sizes), 60)
            axis.plot(grid, curves[budget].loss(grid), color=color, linewidth=1)
            best = curves[budget].best_size
            if best is not None and min(sizes) <= best <= max(sizes):
                axis.plot([best], curves[budget].loss([best]), "x", color=color, markersize=8)
    axis.set_xscale("log")
    axis.set_xlabel(label("non_embedding", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend(fontsize=8)
    return fig


def tab_hoffmann(fit: "HoffmannFit", confidence: float, lang: str) -> "pd.DataFrame":
    """Our parametric law with intervals over trainings, then the published one; and a of N* ~ C^a
    by both approaches."""
    from brnb.evaluate.statistics import percentiles
    from brnb.studies.hoffmann import size_exponent

    published = load("scaling", "hoffmann_2022")
    alpha, beta = float(published["alpha"]), float(published["beta"])
    vertex = size_exponent(fit.curves)
    enough = vertex is not None and len(fit.vertex_draws) > 1
    ends = percentiles(fit.vertex_draws, confidence).tolist() if enough else [None, None]
    printed = {name: {"published": AsPrinted(published[name])} for name in ("alpha", "beta", "E")}
    rows: list[dict[str, Any]] = [
        {"value": "α", "ours": fit.law.alpha} | _ends(fit, 0, confidence) | printed["alpha"],
        {"value": "β", "ours": fit.law.beta} | _ends(fit, 1, confidence) | printed["beta"],
        {"value": "E", "ours": fit.law.E, "ci_low": None, "ci_high": None} | printed["E"],
        {"value": label("approach_3", lang), "ours": fit.law.exponents[0]}
        | _ends(fit, 2, confidence)
        | {"published": beta / (alpha + beta)},
        {"value": label("approach_2", lang), "ours": vertex, "ci_low": ends[0]}
        | {"ci_high": ends[1], "published": AsPrinted("0.49")},  # Hoffmann et al. (2022), Table 2
    ]
    return frame(rows)


def _ends(fit: "HoffmannFit", column: int, confidence: float) -> dict[str, float]:
    low, high = fit.interval(column, confidence)
    return {"ci_low": low, "ci_high": high}
