"""`brnb.ops.attention` as GPU kernels in Triton; import it where there is a GPU.

Softmax as it goes (Dao et al., 2022), in powers of two. Such sequences are bound by exponentials
and by waiting: what counts is how many programs a multiprocessor holds. Gradients of queries, and
of keys and values, are therefore two kernels of half the registers, which compute the scores twice.

What that is worth, on an H200: a layer of v6 takes 500 us where cuDNN's attention takes 640, 4.6%
of a training step. Whoever wants less code deletes this module and `brnb.train.fast.has_kernel`.
"""

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.rope import rotate
from brnb.ops.kernels.tuned import Streamed, tuning

LOG2_E = 1 / math.log(2)
LINES = 32  # heads of tokens that a program rotates
BLOCK = 64  # rows that a program owns


def attention(
    qkv: Tensor, cos: Tensor | None, sin: Tensor | None, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """See `brnb.ops.attention`."""
    B, T, width = *qkv.shape[:2], qkv.shape[2] // 3
    rotated = qkv.new_empty(0)
    if cos is not None:
        rotated = qkv.new_empty(B, T, 2 * width)
        _rotate[(B * T * 2 * heads // LINES,)](
            qkv, rotated, cos, sin, T, 2 * heads, width // heads, LINES, num_warps=2
        )
    out = torch.empty(B, T, width, dtype=qkv.dtype, device=qkv.device)
    normalisers = torch.empty(B, heads, T, dtype=torch.float32, device=qkv.device)
    stream, tuned = _tuned(tuning().attention_forward, width // heads)
    _forward[(T // BLOCK, B * heads)](
        *_operands(qkv, rotated), out, normalisers, LOG2_E / math.sqrt(width // heads), T,
        heads, width // heads, BLOCK, stream, **tuned,
    )  # fmt: skip
    return out, normalisers, rotated


def attention_backward(
    d: Tensor,
    qkv: Tensor,
    out: Tensor,
    normalisers: Tensor,
    rotated: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    heads: int,
) -> Tensor:
    """See `brnb.ops.attention`."""
    B, T, D = *qkv.shape[:2], qkv.shape[2] // (3 * heads)
    gradient, deltas = torch.empty_like(qkv), torch.empty_like(normalisers)
    grid, parts = (T // BLOCK, B * heads), _operands(qkv, rotated)
    scales = 1 / math.sqrt(D), LOG2_E / math.sqrt(D)  # a product in the kernel costs registers
    for kernel, sizes in (
        (_queries_backward, tuning().attention_queries),
        (_keys_backward, tuning().attention_keys),
    ):  # the first makes deltas
        stream, tuned = _tuned(sizes, D)
        kernel[grid](
            d, *parts, out, deltas, normalisers, gradient, cos, sin, *scales, T,
            heads, D, BLOCK, stream, cos is not None, **tuned,
        )  # fmt: skip
    return gradient


def _tuned(sizes: Streamed, head_dim: int) -> tuple[int, dict[str, Any]]:
    stream, warps, stages, registers = sizes[head_dim]
    return stream, {"num_warps": warps, "num_stages": stages, "maxnreg": registers}


def _operands(qkv: Tensor, rotated: Tensor) -> tuple[Tensor, int, Tensor, int]:
    """Where queries and then keys start, and how far one token's are from the next; and values."""
    wide = qkv.shape[2]
    qk = rotated if rotated.numel() else qkv
    return qk, qk.shape[2], qkv[..., wide // 3 * 2 :], wide


@triton.jit
def _rotate(  # type: ignore[no-untyped-def]
    qkv, rotated, cos, sin, T, HEADS: tl.constexpr, D: tl.constexpr, LINES: tl.constexpr
):
    """Queries and keys by the angles of their tokens: HEADS of both together, a line each."""
    line = tl.program_id(0).to(tl.int64) * LINES + tl.arange(0, LINES)
    token, half = line // HEADS, tl.arange(0, D // 2)[None, :]
    at = (token * HEADS // 2 * 3 + line % HEADS)[:, None] * D + half
    first, second = tl.load(qkv + at).to(tl.float32), tl.load(qkv + at + D // 2).to(tl.float32)
    angle = (token % T)[:, None] * (D // 2) + half
    c, s = tl.load(cos + angle), tl.load(sin + angle)
    to = rotated + line[:, None] * D + half
    first, second = rotate(first, second, c, s, tl.float32)
    tl.store(to, first.to(rotated.dtype.element_ty))
    tl.store(to + D // 2, second.to(rotated.dtype.element_ty))


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    qk, qk_stride, values, v_stride, out, normalisers, scale, T,
    HEADS: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    block = tl.num_programs(0) - 1 - tl.program_id(0)  # the longest first
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    WIDTH: tl.constexpr = HEADS * D
    d = tl.arange(0, D)[None, :]
    query = block * BLOCK + tl.arange(0, BLOCK)
    queries = qk + batch * T * qk_stride + head * D
    values += batch * T * v_stride + head * D
    q = tl.load(queries + query[:, None] * qk_stride + d)
    largest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    y = tl.zeros((BLOCK, D), tl.float32)
    for first in range(0, block * BLOCK, STREAM):
        y, total, largest = fold_keys(
            y, total, largest, q, queries + WIDTH, qk_stride, values, v_stride, first, query,
            scale, d, STREAM, False,
        )  # fmt: skip
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        y, total, largest = fold_keys(
            y, total, largest, q, queries + WIDTH, qk_stride, values, v_stride, first, query,
            scale, d, STREAM, True,
        )  # fmt: skip
    y = (y / total[:, None]).to(out.dtype.element_ty)
    tl.store(out + (batch * T + query[:, None]) * WIDTH + head * D + d, y)
    tl.store(normalisers + tl.program_id(1) * T + query, largest * scale + tl.log2(total))


@triton.jit
def fold_keys(  # type: ignore[no-untyped-def]
    y, total, largest, q, keys, qk_stride, values, v_stride, first, query, scale, d,
    STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """One step of the online softmax: fold STREAM more keys into (y, total, largest)."""
    key = first + tl.arange(0, STREAM)
    s = tl.dot(q, tl.trans(tl.load(keys + key[:, None] * qk_stride + d)))
    if DIAGONAL:
        s = tl.where(key[None, :] <= query[:, None], s, float("-inf"))
    larger = tl.maximum(largest, tl.max(s, 1))
    p = tl.exp2(s * scale - (larger * scale)[:, None])
    less = tl.exp2((largest - larger) * scale)
    v = tl.load(values + key[:, None] * v_stride + d)
    y = tl.dot(p.to(v.dtype), v, y * less[:, None])
    return y, total * less + tl.sum(p, 1), larger


@triton.jit
def _queries_backward(  # type: ignore[no-untyped-def]
    d_out, qk, qk_stride, values, v_stride, out, deltas, normalisers, d_qkv, cos, sin,
    scale, twos, T, HEADS: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, STREAM: tl.constexpr, ROTATE: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's queries; and `deltas`, by which a probability's gradient is less."""
    block, line = tl.num_programs(0) - 1 - tl.program_id(0), tl.program_id(1) * T
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    WIDTH: tl.constexpr = HEADS * D
    d = tl.arange(0, D)[None, :]
    query = block * BLOCK + tl.arange(0, BLOCK)
    queries = qk + batch * T * qk_stride + head * D
    values += batch * T * v_stride + head * D
    at = (batch * T + query[:, None]) * WIDTH + head * D + d
    q, do, y = (
        tl.load(queries + query[:, None] * qk_stride + d),
        tl.load(d_out + at),
        tl.load(out + at),
    )
    normaliser = tl.load(normalisers + line + query)
    delta = tl.sum(do.to(tl.float32) * y.to(tl.float32), 1)
    tl.store(deltas + line + query, delta)
    dq = tl.zeros((BLOCK, D), tl.float32)
    for first in range(0, block * BLOCK, STREAM):
        dq = fold_keys_backward(
            dq, q, do, queries + WIDTH, qk_stride, values, v_stride, normaliser, delta, first,
            query, twos, d, STREAM, False,
        )  # fmt: skip
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        dq = fold_keys_backward(
            dq, q, do, queries + WIDTH, qk_stride, values, v_stride, normaliser, delta, first,
            query, twos, d, STREAM, True,
        )  # fmt: skip
    to = d_qkv + batch * T * 3 * WIDTH + head * D + query[:, None] * 3 * WIDTH
    store_rotated_back(to, dq * scale, cos, sin, query, BLOCK, D, ROTATE)


@triton.jit
def _keys_backward(  # type: ignore[no-untyped-def]
    d_out, qk, qk_stride, values, v_stride, out, deltas, normalisers, d_qkv, cos, sin,
    scale, twos, T, HEADS: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, STREAM: tl.constexpr, ROTATE: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's keys and values."""
    block, line = tl.program_id(0), tl.program_id(1) * T
    batch, head = (tl.program_id(1) // HEADS).to(tl.int64), tl.program_id(1) % HEADS
    WIDTH: tl.constexpr = HEADS * D
    d = tl.arange(0, D)[None, :]
    key = block * BLOCK + tl.arange(0, BLOCK)
    queries = qk + batch * T * qk_stride + head * D
    values += batch * T * v_stride + head * D
    d_out += batch * T * WIDTH + head * D
    normalisers, deltas = normalisers + line, deltas + line
    k = tl.load(queries + WIDTH + key[:, None] * qk_stride + d)
    v = tl.load(values + key[:, None] * v_stride + d)
    dk, dv = tl.zeros((BLOCK, D), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    for first in range(block * BLOCK, (block + 1) * BLOCK, STREAM):
        dk, dv = fold_queries_backward(
            dk, dv, k, v, queries, qk_stride, d_out, normalisers, deltas, first, key,
            twos, d, WIDTH, STREAM, True,
        )  # fmt: skip
    for first in range((block + 1) * BLOCK, T, STREAM):
        dk, dv = fold_queries_backward(
            dk, dv, k, v, queries, qk_stride, d_out, normalisers, deltas, first, key,
            twos, d, WIDTH, STREAM, False,
        )  # fmt: skip
    to = d_qkv + batch * T * 3 * WIDTH + head * D + key[:, None] * 3 * WIDTH
    tl.store(to + 2 * WIDTH + d, dv.to(d_qkv.dtype.element_ty))
    store_rotated_back(to + WIDTH, dk * scale, cos, sin, key, BLOCK, D, ROTATE)


@triton.jit
def fold_keys_backward(  # type: ignore[no-untyped-def]
    dq, q, do, keys, qk_stride, values, v_stride, normaliser, delta, first, query, scale, d,
    STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Add to the queries' gradient dq what STREAM more keys have to do with it."""
    key = first + tl.arange(0, STREAM)
    k = tl.load(keys + key[:, None] * qk_stride + d)
    v = tl.load(values + key[:, None] * v_stride + d)
    p = tl.exp2(tl.dot(q, tl.trans(k)) * scale - normaliser[:, None])
    if DIAGONAL:
        p = tl.where(key[None, :] <= query[:, None], p, 0.0)
    ds = p * (tl.dot(do, tl.trans(v)) - delta[:, None])
    return tl.dot(ds.to(k.dtype), k, dq)


@triton.jit
def fold_queries_backward(  # type: ignore[no-untyped-def]
    dk, dv, k, v, queries, qk_stride, d_out, normalisers, deltas, first, key, scale, d,
    WIDTH: tl.constexpr, STREAM: tl.constexpr, DIAGONAL: tl.constexpr,
):  # fmt: skip
    """Add to the gradients dk and dv what STREAM more queries have to do with them; scores are
    (keys, queries)."""
    query = first + tl.arange(0, STREAM)
    q = tl.load(queries + query[:, None] * qk_stride + d)
    do = tl.load(d_out + query[:, None] * WIDTH + d)
    p = tl.exp2(tl.dot(k, tl.trans(q)) * scale - tl.load(normalisers + query)[None, :])
    if DIAGONAL:
        p = tl.where(key[:, None] <= query[None, :], p, 0.0)
    ds = p * (tl.dot(v, tl.trans(do)) - tl.load(deltas + query)[None, :])
    return tl.dot(ds.to(q.dtype), q, dk), tl.dot(p.to(q.dtype), do, dv)


@triton.jit
def store_rotated_back(  # type: ignore[no-untyped-def]
    to, gradient, cos, sin, row, ROWS: tl.constexpr, D: tl.constexpr, ROTATE: tl.constexpr
):
    """Store gradients of queries or keys, rotated back."""
    if ROTATE:
        first, second = tl.split(tl.permute(tl.reshape(gradient, (ROWS, 2, D // 2)), (0, 2, 1)))
        half = tl.arange(0, D // 2)[None, :]
        angle = row[:, None] * (D // 2) + half
        c, s = tl.load(cos + angle), tl.load(sin + angle)
        second, first = rotate(second, first, c, s, tl.float32)  # back: halves change places
        tl.store(to + half, first.to(to.dtype.element_ty))
        tl.store(to + half + D // 2, second.to(to.dtype.element_ty))
    else:
        tl.store(to + tl.arange(0, D)[None, :], gradient.to(to.dtype.element_ty))
