"""Fused causal attention in Triton (thesis, Algorithm 19): forward and backward, for Hopper GPUs.

Scores and probabilities never leave the chip (FlashAttention, Dao et al., 2022). A program owns
a block of queries and looks at keys in turn, with the softmax as it goes (Eq. A.46-A.48), in powers
of two; only blocks on the diagonal are masked, later ones are not computed. Gradients of queries,
and of keys and values, are two kernels that each compute the scores again: seven products, but as
measured on an H200 faster than one kernel of five that adds to the queries' gradients in memory,
and the same bits every time.

Tiles are brought by the tensor memory accelerator, through descriptors. The plain-PyTorch reference
is `brnb.algorithms.online_softmax`.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

LOG2_E = 1 / math.log(2)


@dataclass(frozen=True)
class Tile:
    """Sizes of a kernel: queries and keys of a block, warps, and blocks on their way at once."""

    queries: int
    keys: int
    warps: int
    stages: int


# The fastest of those that were tried on an H200, with heads of 128, n = 4096 and 16384.
FORWARD = Tile(64, 64, 4, 3)
QUERIES, KEYS = Tile(128, 64, 8, 3), Tile(64, 64, 4, 2)  # whose gradients a program owns
HEAD_DIMS = (64, 128)


def flash_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention, softmax(QK^T / sqrt(d)) V, without the matrix of probabilities in memory.

    Parameters
    ----------
    q, k, v
        Queries, keys and values (B, heads, T, head_dim), of 16 bits, contiguous, on a GPU; T a
        multiple of 128, head_dim 64 or 128.

    Returns
    -------
    Tensor
        Shape and type of `q`; gradients flow to all three.

    Raises
    ------
    ValueError
        If a shape or a type is not one of these.
    """
    if not (q.shape == k.shape == v.shape and has_tiles(q)):
        raise ValueError(
            f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)} in {q.dtype}: the kernel "
            f"takes three of one shape in 16 bits, a length that 128 divides, head_dim in "
            f"{HEAD_DIMS}; use torch.nn.functional.scaled_dot_product_attention"
        )
    out: Tensor = _Flash.apply(q, k, v)
    return out


def has_tiles(q: Tensor) -> bool:
    """Whether there are tiles for queries of this shape and type."""
    return q.shape[-2] % 128 == 0 and q.shape[-1] in HEAD_DIMS and q.element_size() == 2


class _Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, normalisers = forward(q, k, v)
        ctx.save_for_backward(q, k, v, out, normalisers)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return backward(d_out.contiguous(), *ctx.saved_tensors)


def forward(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and for the backward pass the logarithms to base 2 of the sums that probabilities
    were divided by, (B, heads, T) in fp32."""
    out, normalisers = torch.empty_like(q), q.new_empty(q.shape[:-1], dtype=torch.float32)
    (*many, T, D), scale, tile = q.shape, LOG2_E / math.sqrt(q.shape[-1]), FORWARD
    asking, written = _lines(q, tile.queries), _lines(out, tile.queries)
    _forward[(T // tile.queries, math.prod(many))](
        asking, _lines(k, tile.keys), _lines(v, tile.keys), written, normalisers, scale, T, D,
        tile.queries, tile.keys, num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return out, normalisers


def backward(
    d_out: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    normalisers: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of queries, keys and values, where that of the output is `d_out`."""
    (*many, T, D), scale = q.shape, 1 / math.sqrt(q.shape[-1])
    deltas, programs = torch.empty_like(normalisers), math.prod(many)
    dq, dk, dv = (torch.empty_like(part) for part in (q, k, v))
    sums, scales = (normalisers, deltas), (scale, scale * LOG2_E)
    tile = QUERIES
    of_queries = (_lines(part, tile.queries) for part in (q, d_out, out, dq))
    of_keys = (_lines(part, tile.keys) for part in (k, v))
    _queries_back[(T // tile.queries, programs)](
        *of_queries, *of_keys, *sums, *scales, T, D, tile.queries, tile.keys,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    tile = KEYS
    of_queries = (_lines(part, tile.queries) for part in (q, d_out))
    of_keys = (_lines(part, tile.keys) for part in (k, v, dk, dv))
    _keys_back[(T // tile.keys, programs)](
        *of_queries, *of_keys, *sums, *scales, T, D, tile.keys, tile.queries,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return dq, dk, dv


def _lines(x: Tensor, block: int) -> TensorDescriptor:
    """A view of one line a token, of which a block is read or written at a time."""
    return TensorDescriptor.from_tensor(x.view(-1, x.shape[-1]), [block, x.shape[-1]])


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    queries, keys, values, out, normalisers, scale, T,
    D: tl.constexpr, BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    block = tl.num_programs(0) - 1 - tl.program_id(0)  # the longest first
    start = tl.program_id(1) * T
    query = block * BLOCK + tl.arange(0, BLOCK)
    q = queries.load([start + block * BLOCK, 0])
    largest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    y = tl.zeros((BLOCK, D), tl.float32)
    diagonal = block * BLOCK // STREAM * STREAM
    for first in tl.range(0, diagonal, STREAM):
        y, total, largest = _seen(
            y, total, largest, q, keys, values, start, first, query, scale, STREAM, False
        )
    for first in tl.range(diagonal, (block + 1) * BLOCK, STREAM):
        y, total, largest = _seen(
            y, total, largest, q, keys, values, start, first, query, scale, STREAM, True
        )
    out.store([start + block * BLOCK, 0], (y / total[:, None]).to(q.dtype))
    tl.store(normalisers + start + query, largest + tl.log2(total))


@triton.jit
def _seen(  # type: ignore[no-untyped-def]
    y, total, largest, q, keys, values, start, first, query, scale,
    STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """After more keys; `largest` is of scores in powers of two."""
    s = tl.dot(q, keys.load([start + first, 0]).T)
    if DIAGONAL:
        key = first + tl.arange(0, STREAM)
        s = tl.where(key[None, :] <= query[:, None], s, float("-inf"))
    larger = tl.maximum(largest, tl.max(s, 1) * scale)
    p = tl.exp2(s * scale - larger[:, None])
    less = tl.exp2(largest - larger)
    total = total * less + tl.sum(p, 1)
    y = tl.dot(p.to(q.dtype), values.load([start + first, 0]), y * less[:, None])
    return y, total, larger


@triton.jit
def _queries_back(  # type: ignore[no-untyped-def]
    queries, d_out, out, d_queries, keys, values, normalisers, deltas, scale, twos, T,
    D: tl.constexpr, BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's queries; and `deltas`, by which a probability's gradient is less."""
    block = tl.num_programs(0) - 1 - tl.program_id(0)
    start = tl.program_id(1) * T
    query = block * BLOCK + tl.arange(0, BLOCK)
    q, do = queries.load([start + block * BLOCK, 0]), d_out.load([start + block * BLOCK, 0])
    y = out.load([start + block * BLOCK, 0])
    delta = tl.sum(do.to(tl.float32) * y.to(tl.float32), 1)
    tl.store(deltas + start + query, delta)
    normaliser = tl.load(normalisers + start + query)
    dq = tl.zeros((BLOCK, D), tl.float32)
    diagonal = block * BLOCK // STREAM * STREAM
    for first in tl.range(0, diagonal, STREAM):
        dq = _looked_at(
            dq, q, do, keys, values, normaliser, delta, start, first, query, twos, STREAM, False
        )
    for first in tl.range(diagonal, (block + 1) * BLOCK, STREAM):
        dq = _looked_at(
            dq, q, do, keys, values, normaliser, delta, start, first, query, twos, STREAM, True
        )
    d_queries.store([start + block * BLOCK, 0], (dq * scale).to(q.dtype))


@triton.jit
def _looked_at(  # type: ignore[no-untyped-def]
    dq, q, do, keys, values, normaliser, delta, start, first, query, twos,
    STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Gradients of queries after more keys."""
    k = keys.load([start + first, 0])
    p = tl.exp2(tl.dot(q, k.T) * twos - normaliser[:, None])
    if DIAGONAL:
        key = first + tl.arange(0, STREAM)
        p = tl.where(key[None, :] <= query[:, None], p, 0.0)
    ds = p * (tl.dot(do, values.load([start + first, 0]).T) - delta[:, None])
    return tl.dot(ds.to(k.dtype), k, dq)


@triton.jit
def _keys_back(  # type: ignore[no-untyped-def]
    queries, d_out, keys, values, d_keys, d_values, normalisers, deltas, scale, twos, T,
    D: tl.constexpr, BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's keys and values."""
    block, start = tl.program_id(0), tl.program_id(1) * T  # the longest first, here as well
    key = block * BLOCK + tl.arange(0, BLOCK)
    k, v = keys.load([start + block * BLOCK, 0]), values.load([start + block * BLOCK, 0])
    dk, dv = tl.zeros((BLOCK, D), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    for first in tl.range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        dk, dv = _asked(
            dk, dv, k, v, queries, d_out, normalisers, deltas, start, first, key, twos, STREAM, True
        )
    for first in tl.range((block + 1) * BLOCK, T, STREAM):
        dk, dv = _asked(
            dk, dv, k, v, queries, d_out, normalisers, deltas, start, first, key, twos,
            STREAM, False,
        )  # fmt: skip
    d_values.store([start + block * BLOCK, 0], dv.to(k.dtype))
    d_keys.store([start + block * BLOCK, 0], (dk * scale).to(k.dtype))


@triton.jit
def _asked(  # type: ignore[no-untyped-def]
    dk, dv, k, v, queries, d_out, normalisers, deltas, start, first, key, twos,
    STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Gradients of keys and values after more queries; scores are (keys, queries)."""
    query = first + tl.arange(0, STREAM)
    q, do = queries.load([start + first, 0]), d_out.load([start + first, 0])
    p = tl.exp2(tl.dot(k, q.T) * twos - tl.load(normalisers + start + query)[None, :])
    if DIAGONAL:
        p = tl.where(key[:, None] <= query[None, :], p, 0.0)
    dv = tl.dot(p.to(q.dtype), do, dv)
    ds = p * (tl.dot(v, do.T) - tl.load(deltas + start + query)[None, :])
    return tl.dot(ds.to(q.dtype), q, dk), dv
