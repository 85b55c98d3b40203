"""Figures of the cost chapter."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import cycle
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.plan_tables import WITHIN
from brnb.theory.decision import CRITERIA, decision_matrix, pareto_front

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.theory.trainings import Training

MARKERS = "osD^vP*X<>phd8"
CLEANINGS = ("early", "v6")
NARROWEST = 0.2  # bits per byte that the axis spans at least


def cost_by_size(frame: "pd.DataFrame", lang: str) -> "Figure":
    """USD against parameters, both logarithmic; hollow where one GPU cannot hold a step.

    `frame` is that of `brnb.report.plan_tables.cost_by_size`.
    """
    fig, axis = figure(3.4)
    for place, (method, rows) in enumerate(frame.groupby("method", sort=False)):
        x, y = rows["parameters"].astype(float), rows["usd"].astype(float)
        fits = rows["fits"].astype(bool)
        color = f"C{place}"
        axis.plot(x, y, color=color, label=label(str(method), lang))
        look = {"color": color, "marker": MARKERS[place], "linestyle": "none", "markersize": 5}
        axis.plot(x[fits], y[fits], **look)
        axis.plot(x[~fits], y[~fits], markerfacecolor="white", **look)
    axis.plot([], [], "o", color="0.4", label=label("fits_one_gpu", lang))
    hollow = {"markerfacecolor": "white", "color": "0.4"}
    axis.plot([], [], "o", label=label("needs_more", lang), **hollow)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(label("parameters", lang))
    axis.set_ylabel(label("usd", lang))
    axis.legend(loc="upper left")
    return fig


def pareto(
    trainings: Sequence["Training"], usd: Mapping[str, Decimal | None], lang: str
) -> "Figure":
    """Bits per byte against the cost of every run, with the front of each cleaning.

    The cost is money where every run has a price, else hours. Bits per byte of two cleanings are
    of two texts: each has a front of its own.
    """
    fig, axis = figure(3.8)
    shown = [run for run in trainings if run.bits_per_byte is not None]
    prices = {run.run: usd.get(run.run) for run in shown}
    priced = bool(shown) and None not in prices.values()
    markers = cycle(MARKERS)
    for place, cleaning in enumerate(CLEANINGS):
        points, color = [], f"C{place}"
        for run in (run for run in shown if run.cleaning == cleaning):
            x = float(prices[run.run] or 0) if priced else run.seconds / 3600
            points.append((x, float(run.bits_per_byte or 0)))
            axis.plot(*points[-1], next(markers), color=color, label=run.run, markersize=6)
        best = [points[i] for i in pareto_front([(x, -y) for x, y in points])]
        if len(best) > 1:
            name = f"{label('pareto_front', lang)} ({cleaning})"
            axis.step(*zip(*best, strict=True), where="post", color=color, alpha=0.5, label=name)
    low, high = axis.get_ylim()
    if high - low < NARROWEST:  # two equal results should look equal
        axis.set_ylim((low + high - NARROWEST) / 2, (low + high + NARROWEST) / 2)
    axis.set_xscale("log")
    axis.set_xlabel(label("usd" if priced else "training_hours", lang))
    axis.set_ylabel(label("bits_per_byte", lang))
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return fig


def predicted_speed(frame: "pd.DataFrame", lang: str) -> "Figure":
    """Predicted against measured tokens per second, a marker a source, a colour a kind.

    `frame` is that of `brnb.report.plan_tables.predictions`.
    """
    fig, axis = figure(4.0)
    kinds = {kind: f"C{place}" for place, kind in enumerate(frame["kind"].unique())}
    sources = dict(zip(frame["source"].unique(), MARKERS, strict=False))
    for (source, kind), rows in frame.groupby(["source", "kind"], sort=False):
        x, y = rows["speed_measured"].astype(float), rows["speed_predicted"].astype(float)
        axis.plot(x, y, sources[source], color=kinds[kind], markersize=6, alpha=0.8)
    speeds = frame[["speed_measured", "speed_predicted"]].astype(float).to_numpy()
    ends = [speeds.min() / 1.5, speeds.max() * 1.5]
    axis.plot(ends, ends, color="black", linewidth=1)
    for sign in (-1, 1):
        beside = [end / (1 + sign * WITHIN / 100) for end in ends]
        axis.plot(ends, beside, color="black", linestyle="--", linewidth=0.8)
    for kind, color in kinds.items():
        axis.plot([], [], "s", color=color, label=kind)
    for source, marker in sources.items():
        axis.plot([], [], marker, color="0.4", label=label(f"source_{source}", lang))
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axis.set_xlabel(label("speed_measured", lang))
    axis.set_ylabel(label("speed_predicted", lang))
    axis.legend(loc="upper left")
    return fig


def weight_sensitivity(
    weights: Mapping[str, float], risks: Mapping[str, float], lang: str
) -> "Figure":
    """Utility of every strategy as one weight goes from 0 to 1 and the others share the rest.

    The others keep their proportions; the dotted line is the weight in force.
    """
    total = sum(weights.values())
    fig, axes = figure(3.0, ncols=len(CRITERIA), sharey=True)
    for axis, criterion in zip(axes, CRITERIA, strict=True):
        rest = total - weights[criterion]
        others = {k: w / rest for k, w in weights.items() if k != criterion} if rest else None
        if others is None:
            others = {k: 1 / (len(weights) - 1) for k in weights if k != criterion}
        ends = [
            decision_matrix({criterion: at, **{k: (1 - at) * w for k, w in others.items()}}, risks)
            for at in (0.0, 1.0)
        ]
        for name in ends[0]:
            axis.plot([0, 1], [end[name] for end in ends], label=name)
        axis.axvline(weights[criterion] / total, color="black", linestyle=":", linewidth=1)
        axis.set_title(label(f"criterion_{criterion}", lang))
        axis.set_xlabel(label("weight", lang))
    axes[0].set_ylabel(label("utility", lang))
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=2)
    return fig
