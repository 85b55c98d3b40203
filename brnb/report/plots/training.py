"""Figures of the training chapters."""

from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.train.history import History


def loss_curve(history: "History", lang: str, published: float | None = None) -> "Figure":
    """Training and validation loss in nats per token against tokens seen.

    Parameters
    ----------
    history
        Of one training.
    lang
        Language of the labels.
    published
        The dissertation's loss, drawn as a dashed line.
    """
    fig, axis = figure(3.0)
    for name, rows, form in (
        ("train_loss", history.train, "-"),
        ("val_loss", history.validation, "o-"),
    ):
        tokens = [row["tokens"] / 1e6 for row in rows]
        axis.plot(tokens, [row["loss"] for row in rows], form, label=label(name, lang), ms=4)
    if published is not None:
        axis.axhline(published, color="black", linestyle="--", label=label("published", lang))
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend()
    return fig
