"""Tensor parallelism as in Megatron-LM (Eq. B.68-B.79): matrices split over processes.

A first matrix is split by columns and a second by rows, so that what lies between them needs no
message. Each process holds a part of every weight; each such pair costs an all-reduce forward and
one backward.
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from brnb.algorithms.attention import masked_attention
from brnb.algorithms.collectives import ring_all_reduce
from brnb.algorithms.processes import Wire


def columns(weight: Tensor, wire: Wire) -> Tensor:
    """This process's columns of W = [W_1, …, W_P] (Eq. B.68)."""
    return weight.chunk(wire.size, dim=1)[wire.rank]


def rows(weight: Tensor, wire: Wire) -> Tensor:
    """This process's rows of W (Eq. B.70)."""
    return weight.chunk(wire.size, dim=0)[wire.rank]


def megatron_mlp(x: Tensor, up: Tensor, down: Tensor, wire: Wire) -> Tensor:
    """GELU(X W_1) W_2 (Eq. B.75); W_2 is split by rows, where Eq. B.76 prints columns.

    Parameters
    ----------
    x
        The same in every process, shape (..., d).
    up, down
        This process's `columns` of W_1 and `rows` of W_2.
    """
    return _Summed.apply(F.gelu(_Shared.apply(x, wire) @ up) @ down, wire)


def megatron_attention(
    x: Tensor, weights: tuple[Tensor, Tensor, Tensor], out: Tensor, heads: int, wire: Wire
) -> Tensor:
    """Attention of all heads, of which each process computes its own (Eq. B.77-B.79).

    Parameters
    ----------
    x
        The same in every process, shape (..., n, d).
    weights
        This process's `columns` of W^Q, W^K and W^V: those of its heads.
    out
        This process's `rows` of W^O.
    heads
        Number of all of them, a multiple of the processes.

    Raises
    ------
    ValueError
        If the heads cannot be split evenly.
    """
    if heads % wire.size:
        raise ValueError(f"heads = {heads} cannot be split over {wire.size} processes")
    x = _Shared.apply(x, wire)
    q, k, v = (
        (x @ weight).unflatten(-1, (heads // wire.size, -1)).transpose(-3, -2) for weight in weights
    )
    return _Summed.apply(masked_attention(q, k, v).transpose(-3, -2).flatten(-2) @ out, wire)


class _Shared(Function):
    """What every process reads: its gradient is the sum of theirs (Megatron's f)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, wire: Wire) -> Tensor:
        ctx.wire = wire
        return x.clone()

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        return ring_all_reduce(d, ctx.wire), None


class _Summed(Function):
    """What every process adds to: each one's part has the gradient of the sum (Megatron's g)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, wire: Wire) -> Tensor:
        return ring_all_reduce(x, wire)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        return d, None
