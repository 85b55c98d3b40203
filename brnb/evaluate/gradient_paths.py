"""How gradients reach back in trained models: over distance, and through a recurrence's state."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.models.recurrent import RecurrentLM

DOUBLINGS = 14  # the power's root errs by the matrix's condition to the power of 2^-14


@dataclass(frozen=True)
class Reach:
    """Gradients of the last token's loss by earlier tokens' embeddings.

    Attributes
    ----------
    norms
        By distance from 0, the geometric mean over windows.
    decay
        Factor a token by which they shrink, of a straight line through their logarithms.
    """

    norms: np.ndarray
    decay: float

    @property
    def half(self) -> float:
        """Tokens after which half of a gradient is left; infinite if it does not shrink."""
        return float(np.log(0.5) / np.log(self.decay)) if self.decay < 1 else float("inf")


def spaced_windows(ids: np.ndarray, length: int, count: int) -> Tensor:
    """`count` windows of `length` + 1 ids, evenly spaced, (count, length + 1)."""
    starts = np.linspace(0, len(ids) - length - 1, count).astype(int)
    return torch.from_numpy(np.stack([ids[i : i + length + 1] for i in starts]).astype(np.int64))


def reach(model: Any, texts: Tensor) -> Reach:
    """Eq. A.29 and A.31-A.32 measured: how much a token's loss depends on tokens before it.

    Parameters
    ----------
    model
        With an ``embedding``; maps ids (B, T) to logits and a state.
    texts
        As `spaced_windows` cuts them; the last id of each is predicted.
    """
    texts = texts.to(next(model.parameters()).device)
    embedded: list[Tensor] = []
    hook = model.eval().embedding.register_forward_hook(
        lambda module, given, made: embedded.append(made)
    )
    with torch.backends.cudnn.flags(enabled=False):  # its recurrences differentiate in training
        logits = model(texts[:, :-1])[0][:, -1].float()
    hook.remove()
    loss = F.cross_entropy(logits, texts[:, -1], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embedded[0])
    logs = gradient.float().norm(dim=-1).clamp(min=1e-30).log().mean(0).flip(0).cpu().numpy()
    slope = np.polyfit(np.arange(1, len(logs)), logs[1:], 1)[0]
    return Reach(np.exp(logs), float(np.exp(slope)))


@dataclass(frozen=True)
class Products:
    """The Jacobian of a recurrence's state over some steps, beside the bounds of one step.

    Attributes
    ----------
    steps
        k.
    product
        Spectral norm of the product of k Jacobians.
    by_eigenvalue, by_norm
        Product of their spectral radii, which Eq. A.30 takes for a bound, and of their norms, which
        is one.
    """

    steps: int
    product: float
    by_eigenvalue: float
    by_norm: float


def state_products(model: RecurrentLM, text: Tensor, steps: Sequence[int]) -> list[Products]:
    """Eq. A.30 tried on a trained LSTM or GRU, reading the last tokens of a text.

    Parameters
    ----------
    text
        Ids, (T,); more than the most steps.
    steps
        Numbers of steps, ascending.
    """
    text, last = text.to(next(model.parameters()).device), steps[-1]
    with torch.no_grad():
        state = model.hidden(text[None, :-last])[1]
    whole, radius, norm, table = None, 1.0, 1.0, []
    for i, token in enumerate(text[-last:], start=1):
        jacobian, state = _step(model, token, state)
        whole = jacobian if whole is None else jacobian @ whole
        radius *= spectral_radius(jacobian)
        norm *= spectral_norm(jacobian)
        if i in steps:
            table.append(Products(i, spectral_norm(whole), radius, norm))
    return table


def spectral_radius(matrix: Tensor) -> float:
    """Largest size of an eigenvalue, as the growth of the matrix's powers (Gelfand's formula).

    By squaring: products, which a GPU is good at; a general eigenvalue problem it is not.
    """
    power, logarithm = matrix.double(), 0.0
    for i in range(DOUBLINGS):
        size = power.norm().clamp(min=torch.finfo(power.dtype).tiny)
        logarithm += size.log().item() / 2**i
        power = power / size
        power = power @ power
    return math.exp(logarithm + power.norm().log().item() / 2**DOUBLINGS)


def spectral_norm(matrix: Tensor) -> float:
    """Largest singular value; on a GPU by `spectral_radius`, which is faster than LAPACK there."""
    if not matrix.is_cuda:
        return torch.linalg.matrix_norm(matrix.double(), 2).item()
    return math.sqrt(spectral_radius(matrix.double().mT @ matrix.double()))


def _step(
    model: RecurrentLM, token: Tensor, state: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Jacobian of the state after a token by the one before, both as one vector; and the state.

    One copy of the state for each of its numbers, each copy differentiated by another.
    """
    shapes = [part.shape for part in state]
    sizes = [part.numel() for part in state]
    flat = torch.cat([part.flatten() for part in state])
    copies = flat.repeat(len(flat), 1).requires_grad_()
    parts = copies.split(sizes, dim=1)
    given = tuple(
        part.view(-1, shape[0], shape[2]).transpose(0, 1).contiguous()
        for part, shape in zip(parts, shapes, strict=True)
    )
    with torch.backends.cudnn.flags(enabled=False):
        new = model.hidden(token.expand(len(flat), 1), given)[1]
    after = torch.cat([part.transpose(0, 1).flatten(1) for part in new], dim=1)
    (jacobian,) = torch.autograd.grad(after.diagonal().sum(), copies)
    return jacobian.detach(), tuple(part[:, :1].detach() for part in new)
