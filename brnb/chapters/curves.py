"""The loss figure that all trainings share (chapters 04 to 10, 12 and 13)."""

import math
from typing import TYPE_CHECKING

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.thesis import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brnb.train.history import History


def fig_loss(history: "History", lang: str, published: float | None = None) -> "Figure":
    """Training and validation loss of one training, in nats per token, against tokens seen.

    A dashed line is at the `published` loss, if there is one.
    """
    fig, axis = figure(3.0)
    for name, rows, form in (
        ("train_loss", history.train, "-"),
        ("val_loss", history.validation, "o-"),
    ):
        tokens = [row["tokens"] / 1e6 for row in rows]
        axis.plot(tokens, [row["loss"] for row in rows], form, label=label(name, lang), ms=4)
    if published is not None:
        axis.axhline(published, color="0.3", ls="--", lw=1, label=label("published", lang))
    axis.set_xlabel(label("million_tokens", lang))
    axis.set_ylabel(label("loss_nats", lang))
    axis.legend()
    return fig


def published_loss(table: str, run: str) -> float | None:
    """Nats per token that the dissertation prints for a run: its loss, else ln of its perplexity.

    None for a run that the table does not have. Table 8 prints no loss.
    """
    for row in load("published", table, "rows"):
        if row["run"] == run:
            loss = row.get("loss") or row.get("val_loss")
            return float(loss) if loss else math.log(float(row["ppl"]))
    return None
