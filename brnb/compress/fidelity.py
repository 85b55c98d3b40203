"""How far a compressed model is from the original, token by token, on the same held-out text."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from brnb.compress.language_models import Predictor
from brnb.evaluate.intrinsic import DocumentNats
from brnb.evaluate.statistics import percentiles
from brnb.models.likelihood import overlapping_windows
from brnb.train.rows import TokenRow

BATCH = 16  # windows at a time


@dataclass(frozen=True)
class Fidelity:
    """A model beside the one that it stands in for.

    Attributes
    ----------
    documents
        What each document costs it.
    divergence
        Mean KL(original ‖ compressed) of the next token, in nats.
    agreement
        Share of the tokens before which both find the same next token most probable.
    """

    documents: DocumentNats
    divergence: float
    agreement: float


@torch.no_grad()
def fidelity(
    original: Predictor,
    compressed: Predictor,
    row: TokenRow,
    window: int,
    end: int,
    device: torch.device,
) -> Fidelity:
    """Read a row with both models, in windows that each start from nothing and share a token.

    Parameters
    ----------
    row
        Documents of which nothing was learnt and nothing chosen.
    window
        Predictions a window.
    end
        The token that closes a document, and counts to it.
    device
        Where the ids go.
    """
    ids = np.asarray(row.ids, dtype=np.int64)
    document = np.cumsum(ids == end) - (ids == end)
    nats, divergences, same = [], 0.0, 0
    for rows in overlapping_windows(ids, window, BATCH):
        targets = rows[:, 1:].to(device)
        x = rows[:, :-1].clamp(min=0).to(device)
        exact, rough = (model(x)[0].float().log_softmax(-1) for model in (original, compressed))
        known = targets >= 0
        exact, rough, targets = exact[known], rough[known], targets[known]
        nats.append(F.nll_loss(rough, targets, reduction="none").double().cpu().numpy())
        divergences += float(F.kl_div(rough, exact, reduction="sum", log_target=True))
        same += int((exact.argmax(-1) == rough.argmax(-1)).sum())
    costs = np.bincount(document[1:], weights=np.concatenate(nats), minlength=row.documents)
    count = len(ids) - 1
    sizes = np.asarray(row.document_bytes, dtype=np.float64)
    return Fidelity(DocumentNats(costs, sizes), divergences / count, same / count)


@dataclass(frozen=True)
class Change:
    """What compression adds to the bits per byte, and its interval."""

    value: float
    low: float
    high: float


def paired_change(
    before: DocumentNats, after: DocumentNats, resamples: int, confidence: float, seed: int
) -> Change:
    """Change of bits per byte, with the bootstrap's interval over the same documents for both.

    The documents' own difficulty cancels: the interval is far narrower than either model's.

    Raises
    ------
    ValueError
        If the two were not measured on the same documents.
    """
    if (before.bytes != after.bytes).any():
        raise ValueError("the two models read other documents: measure both on one row")
    count, added = len(before.nats), after.nats - before.nats
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    values = (drawn @ added) / (math.log(2) * (drawn @ before.bytes))
    low, high = percentiles(values, confidence)
    whole = float(added.sum() / (math.log(2) * before.bytes.sum()))
    return Change(whole, float(low), float(high))
