"""Causal attention over a packed projection, as GPU kernels in Triton, for short sequences.

Reads queries, keys and values where one product left them, side by side, and writes their gradients
the same way: nothing is transposed, concatenated or converted in between. Softmax as it goes
(Dao et al., 2022), in powers of two.
"""

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

LOG2_E = 1 / math.log(2)
BLOCK, STREAM = 64, 64  # rows a program owns, and rows it looks at in a turn
FORWARD, BACKWARD = (4, 3), (4, 2)  # warps and stages, as measured on an H200
HEAD_DIMS, LONGEST = (32, 64), 1024  # what was measured, and is faster than cuDNN's


def fits(length: int, head_dim: int) -> bool:
    """Whether sequences are worth these kernels."""
    return length % BLOCK == 0 and length <= LONGEST and head_dim in HEAD_DIMS


@torch.library.custom_op("brnb::attention", mutates_args=(), device_types="cuda")
def attention(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Causal attention.

    Parameters
    ----------
    qkv
        Queries, keys and values of all heads side by side, bf16 of shape (B, T, 3·width).
    heads
        Number of them.

    Returns
    -------
    out, normalisers
        Shape (B, T, width), and for the backward pass the logarithms to base 2 of the sums that
        probabilities were divided by, (B, heads, T).
    """
    B, T, D = *qkv.shape[:2], qkv.shape[2] // (3 * heads)
    out = torch.empty(B, T, heads * D, dtype=qkv.dtype, device=qkv.device)
    normalisers = torch.empty(B, heads, T, dtype=torch.float32, device=qkv.device)
    warps, stages = FORWARD
    _forward[(T // BLOCK, B * heads)](
        qkv, out, normalisers, LOG2_E / math.sqrt(D), T, heads, D, BLOCK, STREAM,
        num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return out, normalisers


@torch.library.custom_op("brnb::attention_back", mutates_args=(), device_types="cuda")
def attention_back(d: Tensor, qkv: Tensor, out: Tensor, normalisers: Tensor, heads: int) -> Tensor:
    """Gradient of `qkv`, where that of `out` is d."""
    B, T, D = *qkv.shape[:2], qkv.shape[2] // (3 * heads)
    found, deltas = torch.empty_like(qkv), torch.empty_like(normalisers)
    grid, (warps, stages) = (T // BLOCK, B * heads), BACKWARD
    _deltas[grid](d, out, deltas, T, heads, D, BLOCK)
    _backward[grid](
        d, qkv, deltas, normalisers, found, LOG2_E / math.sqrt(D), 1 / math.sqrt(D),
        T, heads, D, BLOCK, STREAM, num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return found


@attention.register_fake
def _(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    B, T, wide = qkv.shape
    normalisers = qkv.new_empty(B, heads, T, dtype=torch.float32)
    return qkv.new_empty(B, T, wide // 3), normalisers


@attention_back.register_fake
def _(d: Tensor, qkv: Tensor, out: Tensor, normalisers: Tensor, heads: int) -> Tensor:
    return torch.empty_like(qkv)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(inputs[0], *output)
    ctx.heads = inputs[1]


def _gradients(ctx: Any, d: Tensor, _: Tensor) -> tuple[Tensor, None]:
    qkv, out, normalisers = ctx.saved_tensors
    return attention_back(d.contiguous(), qkv, out, normalisers, ctx.heads), None


attention.register_autograd(_gradients, setup_context=_keep)


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    qkv, out, normalisers, scale, T, HEADS: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    block = tl.num_programs(0) - 1 - tl.program_id(0)  # the longest first
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    WIDTH: tl.constexpr = HEADS * D
    d = tl.arange(0, D)[None, :]
    query = block * BLOCK + tl.arange(0, BLOCK)
    start = qkv + batch * T * 3 * WIDTH + head * D
    q = tl.load(start + query[:, None] * 3 * WIDTH + d)
    largest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    y = tl.zeros((BLOCK, D), tl.float32)
    for first in range(0, block * BLOCK, STREAM):
        y, total, largest = _seen(
            y, total, largest, q, start, first, query, scale, d, WIDTH, STREAM, False
        )
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        y, total, largest = _seen(
            y, total, largest, q, start, first, query, scale, d, WIDTH, STREAM, True
        )
    y = (y / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + (batch * T + query[:, None]) * WIDTH + head * D + d, y)
    tl.store(normalisers + tl.program_id(1) * T + query, largest + tl.log2(total))


@triton.jit
def _seen(  # type: ignore[no-untyped-def]
    y, total, largest, q, start, first, query, scale, d,
    WIDTH: tl.constexpr, STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """After more keys."""
    key = first + tl.arange(0, STREAM)
    at = start + key[:, None] * 3 * WIDTH + d
    s = tl.dot(q, tl.trans(tl.load(at + WIDTH))) * scale
    if DIAGONAL:
        s = tl.where(key[None, :] <= query[:, None], s, float("-inf"))
    larger = tl.maximum(largest, tl.max(s, 1))
    p = tl.exp2(s - larger[:, None])
    less = tl.exp2(largest - larger)
    v = tl.load(at + 2 * WIDTH)
    y = tl.dot(p.to(v.dtype), v, y * less[:, None])
    return y, total * less + tl.sum(p, 1), larger


@triton.jit
def _deltas(  # type: ignore[no-untyped-def]
    d_out, out, deltas, T, HEADS: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr
):
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = (batch * T + row[:, None]) * HEADS * D + head * D + tl.arange(0, D)[None, :]
    delta = tl.sum(tl.load(d_out + at).to(tl.float32) * tl.load(out + at).to(tl.float32), 1)
    tl.store(deltas + tl.program_id(1) * T + row, delta)


@triton.jit
def _backward(  # type: ignore[no-untyped-def]
    d_out, qkv, deltas, normalisers, found, scale, plain_scale, T,
    HEADS: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's keys and values, then of its queries: together as much for all."""
    block, line = tl.program_id(0), tl.program_id(1) * T
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    WIDTH: tl.constexpr = HEADS * D
    d = tl.arange(0, D)[None, :]
    own = block * BLOCK + tl.arange(0, BLOCK)
    start = qkv + batch * T * 3 * WIDTH + head * D
    d_start = d_out + batch * T * WIDTH + head * D
    normalisers, deltas = normalisers + line, deltas + line
    at = own[:, None] * 3 * WIDTH + d
    to = found + batch * T * 3 * WIDTH + head * D + at
    k, v = tl.load(start + at + WIDTH), tl.load(start + at + 2 * WIDTH)
    dk, dv = tl.zeros((BLOCK, D), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        dk, dv = _asked(
            dk, dv, k, v, start, d_start, normalisers, deltas, first, own, scale, d,
            WIDTH, STREAM, True,
        )  # fmt: skip
    for first in range((block + 1) * BLOCK, T, STREAM):
        dk, dv = _asked(
            dk, dv, k, v, start, d_start, normalisers, deltas, first, own, scale, d,
            WIDTH, STREAM, False,
        )  # fmt: skip
    tl.store(to + 2 * WIDTH, dv.to(found.dtype.element_ty))
    tl.store(to + WIDTH, (dk * plain_scale).to(found.dtype.element_ty))
    q, do = tl.load(start + at), tl.load(d_start + own[:, None] * WIDTH + d)
    normaliser, delta = tl.load(normalisers + own), tl.load(deltas + own)
    dq = tl.zeros((BLOCK, D), tl.float32)
    for first in range(0, block * BLOCK, STREAM):
        dq = _looked_at(
            dq, q, do, start, normaliser, delta, first, own, scale, d, WIDTH, STREAM, False
        )
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        dq = _looked_at(
            dq, q, do, start, normaliser, delta, first, own, scale, d, WIDTH, STREAM, True
        )
    tl.store(to, (dq * plain_scale).to(found.dtype.element_ty))


@triton.jit
def _asked(  # type: ignore[no-untyped-def]
    dk, dv, k, v, start, d_start, normalisers, deltas, first, key, scale, d,
    WIDTH: tl.constexpr, STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Gradients of keys and values after more queries; scores are (keys, queries)."""
    query = first + tl.arange(0, STREAM)
    q = tl.load(start + query[:, None] * 3 * WIDTH + d)
    do = tl.load(d_start + query[:, None] * WIDTH + d)
    p = tl.exp2(tl.dot(k, tl.trans(q)) * scale - tl.load(normalisers + query)[None, :])
    if DIAGONAL:
        p = tl.where(key[:, None] <= query[None, :], p, 0.0)
    ds = p * (tl.dot(v, tl.trans(do)) - tl.load(deltas + query)[None, :])
    return tl.dot(ds.to(q.dtype), q, dk), tl.dot(p.to(q.dtype), do, dv)


@triton.jit
def _looked_at(  # type: ignore[no-untyped-def]
    dq, q, do, start, normaliser, delta, first, query, scale, d,
    WIDTH: tl.constexpr, STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Gradient of queries after more keys."""
    key = first + tl.arange(0, STREAM)
    at = start + key[:, None] * 3 * WIDTH + d
    k, v = tl.load(at + WIDTH), tl.load(at + 2 * WIDTH)
    p = tl.exp2(tl.dot(q, tl.trans(k)) * scale - normaliser[:, None])
    if DIAGONAL:
        p = tl.where(key[None, :] <= query[:, None], p, 0.0)
    ds = p * (tl.dot(do, tl.trans(v)) - delta[:, None])
    return tl.dot(ds.to(k.dtype), k, dq)
