"""The loss figure that all trainings share (chapters 04 to 10, 12 and 13)."""

from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.train.history import History


def fig_loss(history: "History", lang: str) -> "Figure":
    """Training and validation loss of one training, in nats per token, against tokens seen."""
    fig, axis = figure(3.0)
    for name, rows, form in (
        ("train_loss", history.train, "-"),
        ("val_loss", history.validation, "o-"),
    ):
        tokens = [row["tokens"] / 1e6 for row in rows]
        axis.plot(tokens, [row["loss"] for row in rows], form, label=label(name, lang), ms=4)
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend()
    return fig
