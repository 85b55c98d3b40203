"""Chapter 15: what adaptation changed item by item, as a picture and in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.extrinsic.scores import MAIN
from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.sentences import fill_sentence

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from brnb.extrinsic.scores import Scores
    from brnb.extrinsic.testsets import Item

Gains = Mapping[str, "np.ndarray"]


def item_gains(items: Sequence["Item"], before: "Scores", after: "Scores", form: str) -> Gains:
    """Score of the adapted model less that of the baseline, sorted, shape (items of the task,).

    By task; the metric is the last that Table 13 reports of it.
    """
    import numpy as np

    gains = {}
    for task, metrics in MAIN.items():
        asked = [item for item in items if item.task == task]
        difference = after.of(form, metrics[-1], asked) - before.of(form, metrics[-1], asked)
        gains[task] = np.sort(difference)
    return gains


def fig_item_gains(gains: Gains, lang: str) -> "Figure":
    """A panel a task, a bar an item, from the greatest loss to the greatest gain.

    Bars stand on zero; losses are hatched, so that grey print tells them from gains.
    """
    fig, axes = figure(2.6, ncols=len(gains), sharey=True, squeeze=False)
    for axis, (task, values) in zip(axes[0], gains.items(), strict=True):
        places = [100 * (place + 0.5) / len(values) for place in range(len(values))]
        width = 100 / max(1, len(values))
        for sign, style in ((1, {"color": "C0"}), (-1, {"color": "C1", "hatch": "////"})):
            bars = [value if sign * value > 0 else 0 for value in values]
            axis.bar(places, bars, width, edgecolor="white", linewidth=0.2, **style)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(f"{label(task, lang)}, {label(MAIN[task][-1].lower(), lang)}", fontsize=9)
        axis.set_xlim(0, 100)
        axis.grid(visible=False, axis="x")
    largest = max((abs(float(v)) for values in gains.values() for v in values), default=0.0) or 1
    axes[0][0].set_ylim(-1.1 * largest, 1.1 * largest)
    axes[0][0].set_ylabel(label("item_gain", lang))
    fig.supxlabel(label("items_sorted", lang), fontsize=10)
    return fig


def say_item_gains(gains: Gains, lang: str) -> str:
    """Of each task, the shares of items that got better, worse, and stayed as they were."""
    said = [
        fill_sentence(
            "say_item_gains",
            lang,
            task=label(task, lang),
            count=len(values),
            better=float((values > 0).mean()),
            worse=float((values < 0).mean()),
            same=float((values == 0).mean()),
        )
        for task, values in gains.items()
        if len(values)
    ]
    return "\n".join(said)
