"""Algorithm 6: FlashAttention, exact attention that never holds the matrix of weights.

Dao et al., 2022. The Triton kernel of Algorithm 19 (`brnb.ops.kernels.flash`) computes the same.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class PartialAttention(NamedTuple):
    """Attention of queries to some of the keys; a query may have seen none of them.

    Attributes
    ----------
    weighted
        Sum of the values, each times the exponential of its score less the largest, (..., n, d).
    largest, total
        Largest score, and sum of those exponentials, (..., n, 1).
    """

    weighted: Tensor
    largest: Tensor
    total: Tensor

    @property
    def output(self) -> Tensor:
        """The values, weighted by the softmax over these keys."""
        return self.weighted / self.total


def partial_attention(scores: Tensor, v: Tensor) -> PartialAttention:
    """Attention to the keys that have these scores (..., n, m) and values (..., m, d)."""
    largest = scores.amax(-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    powers = (scores - largest).exp()
    return PartialAttention(powers @ v, largest, powers.sum(-1, keepdim=True))


def nothing(q: Tensor, v: Tensor) -> PartialAttention:
    """Attention of queries (..., n, d_k) to none of the values (..., m, d) yet."""
    zero = q.new_zeros(*q.shape[:-1], 1)
    smallest = torch.full_like(zero, torch.finfo(q.dtype).min)
    return PartialAttention(zero.expand(*q.shape[:-1], v.shape[-1]), smallest, zero)


def merge_partial(first: PartialAttention, second: PartialAttention) -> PartialAttention:
    """Attention to the keys of both, in any order, and so for any number of parts in turn.

    Eq. A.46-A.48, which divide by the total after every block; once, at the end, is enough (Dao,
    2023).
    """
    largest = torch.maximum(first.largest, second.largest)
    one, other = ((part.largest - largest).exp() for part in (first, second))
    weighted = one * first.weighted + other * second.weighted
    return PartialAttention(weighted, largest, one * first.total + other * second.total)


def blockwise_attention(
    q: Tensor, k: Tensor, v: Tensor, rows: int = 64, columns: int = 64, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention in blocks with the softmax as it goes (Algorithm 6); exact, in O(n) memory.

    Parameters
    ----------
    q, k, v
        Queries, keys and values (..., n, d).
    rows, columns
        B_r queries and B_c keys of a block; n need not be a multiple.
    causal
        Whether a token sees itself and those before alone; later blocks are not computed.

    Returns
    -------
    out, normalisers
        Shape (..., n, d); and logarithms of the sums that weights were divided by, (..., n, 1).
    """
    out, normalisers = torch.empty_like(v), q.new_empty(*q.shape[:-1], 1)
    for i in _blocks(q.shape[-2], rows):
        part = nothing(q[..., i, :], v)
        for j in _blocks(i.stop if causal else k.shape[-2], columns):
            part = merge_partial(part, partial_attention(_scores(q, k, i, j, causal), v[..., j, :]))
        out[..., i, :], normalisers[..., i, :] = part.output, part.largest + part.total.log()
    return out, normalisers


def blockwise_attention_backward(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    normalisers: Tensor,
    rows: int = 64,
    columns: int = 64,
    causal: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values, block by block, where that of the output is `d_out`.

    Weights are computed again, from the `normalisers` of the forward pass: all that it has to keep
    beside its output.
    """
    dq, dk, dv = (torch.zeros_like(part) for part in (q, k, v))
    for i in _blocks(q.shape[-2], rows):
        delta = (d_out[..., i, :] * out[..., i, :]).sum(-1, keepdim=True)
        for j in _blocks(i.stop if causal else k.shape[-2], columns):
            p = (_scores(q, k, i, j, causal) - normalisers[..., i, :]).exp()
            dv[..., j, :] += p.mT @ d_out[..., i, :]
            ds = p * (d_out[..., i, :] @ v[..., j, :].mT - delta) / math.sqrt(q.shape[-1])
            dq[..., i, :] += ds @ k[..., j, :]
            dk[..., j, :] += ds.mT @ q[..., i, :]
    return dq, dk, dv


def _blocks(end: int, size: int) -> Iterator[slice]:
    return (slice(at, min(at + size, end)) for at in range(0, end, size))


def _scores(q: Tensor, k: Tensor, i: slice, j: slice, causal: bool) -> Tensor:
    scores = q[..., i, :] @ k[..., j, :].mT / math.sqrt(q.shape[-1])
    if not causal:
        return scores
    query, key = torch.arange(i.start, i.stop), torch.arange(j.start, j.stop)
    return scores.masked_fill((key > query[:, None]).to(q.device), -math.inf)
