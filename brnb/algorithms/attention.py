"""Algorithms 2, 3 and 5: attention, in one head and in several, with its matrix in memory."""

import math

import torch
from torch import Tensor


def masked_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, softmax(QK^T / sqrt(d_k)) V (Algorithms 2 and 5, Eq. A.1).

    Parameters
    ----------
    q, k, v
        Queries (..., n, d_k), keys (..., m, d_k) and values (..., m, d_v).
    mask
        Which keys a query may see, boolean of shape (..., n, m); all if None.

    Returns
    -------
    Tensor
        Shape (..., n, d_v).
    """
    return masked_attention_weights(q, k, mask) @ v


def masked_attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """The matrix of weights (..., n, m): rows are not negative and add up to 1 (Eq. A.3)."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return shifted_softmax(scores)


def shifted_softmax(scores: Tensor) -> Tensor:
    """Softmax along the last dimension, of scores less their largest (Eq. A.63)."""
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def multi_head_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    weights: tuple[Tensor, Tensor, Tensor, Tensor],
) -> Tensor:
    """Attention in several heads, side by side, and a product over all (Algorithm 3, Eq. A.6-A.7).

    Parameters
    ----------
    q, k, v
        Shape (..., n, d_model); keys and values may have another length than queries.
    heads
        Number of them; divides d_model.
    weights
        Of queries, keys, values and the output, each (d_model, d_model), applied as ``x @ W``.

    Raises
    ------
    ValueError
        If d_model cannot be split over the heads.
    """
    if q.shape[-1] % heads:
        raise ValueError(f"d_model = {q.shape[-1]} cannot be split over heads = {heads}")
    *into, out = weights
    q, k, v = (
        (x @ weight).unflatten(-1, (heads, -1)).transpose(-3, -2)
        for x, weight in zip((q, k, v), into, strict=True)
    )
    return masked_attention(q, k, v).transpose(-3, -2).flatten(-2) @ out


def causal_mask(n: int) -> Tensor:
    """Which keys a token sees that may look at itself and backwards only, (n, n)."""
    return torch.ones(n, n, dtype=torch.bool).tril()
