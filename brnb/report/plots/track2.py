"""Figures of Track 2."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.evaluate.losses import Change
    from brnb.studies.adaptation import Trained


def loss_curves(found: Sequence["Trained"], lang: str) -> "Figure":
    """Training and validation loss of each training, in nats per target token."""
    fig, axes = figure(3.2, ncols=len(found), squeeze=False)
    for axis, training in zip(axes[0], found, strict=True):
        for name, rows, form in (
            ("train_loss", training.curves["train"], "-"),
            ("val_loss", training.curves["validation"], "o-"),
        ):
            x = [row["tokens"] / 1e6 for row in rows]
            axis.plot(x, [row["loss"] for row in rows], form, label=label(name, lang), ms=4)
        axis.set_title(training.run.split("_")[0].upper())
        axis.set_xlabel(label("million_tokens", lang))
    axes[0][0].set_ylabel(label("loss_nats", lang))
    axes[0][-1].legend()
    return fig


def changes(found: Mapping[tuple[str, str], "Change"], lang: str) -> "Figure":
    """Change of perplexity in percent, with intervals: left of zero is learnt, right forgotten."""
    fig, axis = figure(0.9 + 0.3 * len(found))
    names = []
    for place, ((run, text), change) in enumerate(found.items()):
        value, low, high = (100 * x for x in (change.perplexity, change.low, change.high))
        color = "C0" if run.startswith("cpt") else "C1"
        bar = [[value - low], [high - value]]
        axis.errorbar([value], [place], xerr=bar, fmt="o", color=color, capsize=2)
        names.append(f"{run.split('_')[0].upper()} · {label(text, lang)}")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(label("ppl_change", lang))
    return fig
