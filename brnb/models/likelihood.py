"""How probable a model finds a text: next-token losses over fixed windows (thesis 4.4.1.1)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH = 64  # windows at a time


@dataclass(frozen=True)
class Likelihood:
    """Sums over the predicted tokens of a text.

    Attributes
    ----------
    nats
        Negative log-likelihood, in nats.
    tokens
        Tokens predicted.
    correct
        Tokens whose most probable prediction was right.
    """

    nats: float
    tokens: int
    correct: int

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats per token."""
        return self.nats / self.tokens


@torch.no_grad()
def likelihood(model: nn.Module, row: np.ndarray, window: int, batch: int = BATCH) -> Likelihood:
    """Score a row of token ids in windows of fixed length, each from an empty state.

    Windows overlap by one token, so that every token but the first is predicted exactly once. In
    fp32 whatever the training used, in the model's order of batches: the same twice.

    Parameters
    ----------
    model
        Maps ids (B, T) to logits (B, T, V) and a state.
    row
        Token ids, shape (N,).
    window
        Predictions a window.
    batch
        Windows at a time.
    """
    device = next(model.parameters()).device
    nats = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    for logits, target in _predictions(model, row, window, batch):
        losses = F.cross_entropy(
            logits.flatten(0, 1).float(), target.flatten(), ignore_index=-1, reduction="sum"
        )
        nats += losses.double()
        correct += (logits.argmax(-1) == target).sum()
    return Likelihood(nats.item(), len(row) - 1, int(correct.item()))


@torch.no_grad()
def token_nats(model: nn.Module, row: np.ndarray, window: int) -> np.ndarray:
    """Negative log-likelihood of each token but the first, in nats, float64 of shape (N - 1,).

    Windows and parameters are those of `likelihood`, whose `nats` are the sum.
    """
    parts = [
        F.cross_entropy(
            logits.flatten(0, 1).float(), target.flatten(), ignore_index=-1, reduction="none"
        ).cpu()
        for logits, target in _predictions(model, row, window, BATCH)
    ]
    return torch.cat(parts)[: len(row) - 1].double().numpy()


def _predictions(
    model: nn.Module, row: np.ndarray, window: int, batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits (B, T, V) and what came, (B, T), -1 after the end; the model as in evaluation."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    for ids in overlapping_windows(row, window, batch):
        ids = ids.to(device)
        logits, _ = model(ids[:, :-1].clamp(min=0))
        yield logits, ids[:, 1:]
    model.train(was_training)


def overlapping_windows(row: np.ndarray, window: int, batch: int) -> Iterator[Tensor]:
    """Ids (B, window + 1), the last of a window the first of the next; -1 after the end."""
    count = -(-(len(row) - 1) // window)
    for first in range(0, count, batch):
        rows = [
            row[i * window : (i + 1) * window + 1] for i in range(first, min(first + batch, count))
        ]
        ids = np.full((len(rows), window + 1), -1, dtype=np.int64)
        for line, part in zip(ids, rows, strict=True):
            line[: len(part)] = part
        yield torch.from_numpy(ids)
