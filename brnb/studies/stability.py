"""Which learning rates a Transformer survives, with and without norms of queries and keys."""

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from brnb.evaluate.intrinsic import bits_per_nat
from brnb.models.likelihood import likelihood
from brnb.models.transformer import Attention, TransformerLM
from brnb.studies.noted import noted_training
from brnb.train.progress import titled
from brnb.train.swap import Swap, swapped

if TYPE_CHECKING:
    import pandas as pd

    from brnb.studies.architecture_params import ArchitectureParams
    from brnb.train.loop import Training
    from brnb.train.rows import Rows

SEQUENCES = 8  # of validation text in which scores are measured


def stability(params: "ArchitectureParams", rows: "Rows", folder: Path) -> "pd.DataFrame":
    """Train every form at every learning rate with every seed, and see what is left.

    Parameters
    ----------
    params
        Their `stability`, on the base.
    rows
        Text to train and to evaluate on.
    folder
        Keeps what each training gave: one that is finished is not trained again.

    Returns
    -------
    DataFrame
        A row a training: ``form``, ``learning_rate``, ``seed``; in the end, on validation text,
        ``loss`` in nats per token (None if it is not finite), ``bits_per_byte`` and
        ``largest_score``, the largest size of what a softmax of attention reads (None). And what a
        loss is held against: ``start``, of knowing nothing, and ``unigram``, of knowing how often
        tokens occur; ``diverged`` where it is not even below that.
    """
    import pandas as pd

    sweep, vocabulary = params.stability, rows.tokenizer.vocab_size
    unigram = unigram_loss(rows.train.ids, rows.validation.ids, vocabulary)
    bounds = {"start": math.log(vocabulary), "unigram": unigram}
    table: list[dict[str, Any]] = []
    for name, form in sweep.forms.items():
        torch.compiler.reset()
        for rate in sweep.learning_rates:
            for seed in range(params.seed, params.seed + sweep.seeds):
                changes = {"learning_rate": rate, "tokens": sweep.tokens}
                recipe = params.training(form, seed, **changes)
                measure = partial(_measured, rows=rows, window=params.seq_len)
                note = noted_training(
                    titled(recipe, name, rate, seed), rows, folder, __name__, measure
                )
                row = {"form": name, "learning_rate": rate, "seed": seed} | note | bounds
                lost = note["loss"] is None or note["loss"] >= bounds["unigram"]
                table.append(row | {"diverged": lost})
    return pd.DataFrame(table, dtype=object)


def _measured(
    training: "Training", model: TransformerLM, rows: "Rows", window: int
) -> dict[str, float | None]:
    held_out = rows.validation
    loss = likelihood(model, held_out.ids, window).loss
    ids = torch.from_numpy(held_out.ids[: SEQUENCES * window].astype("int64"))
    score = largest_score(model, ids.unflatten(0, (-1, window)).to(training.device))
    return {
        "loss": _finite(loss),
        "bits_per_byte": _finite(loss * bits_per_nat(held_out)),
        "largest_score": _finite(score),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@torch.no_grad()
def largest_score(model: TransformerLM, ids: Tensor) -> float:
    """Largest size of what the softmaxes of attention read of a text (B, T), in all blocks that
    have keys of their own.

    Without norms of queries and keys it grows with the weights, until each softmax chooses one
    token and has no gradient left (Wortsman et al., 2023, section 3.1).
    """
    largest = torch.zeros((), device=ids.device)

    def recorded(part: Attention, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        nonlocal largest
        shared = q.shape[1] // k.shape[1]
        scores = q @ k.repeat_interleave(shared, 1).mT * (part.scale or q.shape[-1] ** -0.5)
        largest = torch.maximum(largest, scores.abs().tril().max())
        return type(part).weigh(part, q, k, v)

    parts = [part for part in model.eval().modules() if isinstance(part, Attention)]
    with swapped([Swap(part, "weigh", recorded) for part in parts]):
        model(ids)
    return largest.item()


def unigram_loss(train: np.ndarray, held_out: np.ndarray, vocabulary: int) -> float:
    """Nats per token of a text for who only knows how often each token occurs in another.

    Every token of the vocabulary is counted once more than it occurs (Laplace).
    """
    counts = np.bincount(train, minlength=vocabulary) + 1.0
    nats = np.log(counts.sum()) - np.log(counts)
    return float(nats[np.asarray(held_out[1:], dtype=np.int64)].mean())


def sensitivity(sweep: "pd.DataFrame") -> "pd.DataFrame":
    """How much the choice of a learning rate matters to each form.

    Parameters
    ----------
    sweep
        Of `stability`.

    Returns
    -------
    DataFrame
        A row a ``form``: ``best_loss`` at ``best_rate`` (means over seeds), ``sensitivity``, the
        mean over rates of the loss, at most that of knowing nothing, beyond the best (Wortsman et
        al., 2023, section 2.2), ``highest_stable_rate`` up to which no training diverged (None if
        the first did), ``diverged`` of so many ``trainings``, and ``largest_score`` of all.
    """
    import pandas as pd

    table = []
    for form, trainings in sweep.groupby("form", sort=False):
        losses = trainings["loss"].astype(float).fillna(trainings["start"].astype(float))
        losses = losses.clip(upper=float(trainings["start"].iloc[0]))
        curve = losses.groupby(trainings["learning_rate"].astype(float)).mean()
        lost = trainings["diverged"].astype(bool).groupby(trainings["learning_rate"]).any()
        stable = lost.index[~lost.cummax()]
        row = {
            "form": form,
            "best_rate": curve.idxmin(),
            "best_loss": curve.min(),
            "sensitivity": (curve - curve.min()).mean(),
            "highest_stable_rate": stable.max() if len(stable) else None,
            "diverged": int(trainings["diverged"].sum()),
            "trainings": len(trainings),
            "largest_score": trainings["largest_score"].astype(float).max(),
        }
        table.append(row)
    return pd.DataFrame(table, dtype=object)
