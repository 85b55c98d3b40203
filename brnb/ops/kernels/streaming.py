"""`brnb.ops.streaming` as GPU kernels in Triton; import it where there is a GPU.

A kernel begins while the one before it still works (programmatic dependent launch): it asks for the
weights that it multiplies first, and waits only then for the vector. So memory has no rest between
kernels. Nothing is written, and nothing read that this step writes, before that wait.
"""

from collections.abc import Sequence
from math import gcd, log
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from brnb.ops.kernels.decoding import norm_heads
from brnb.ops.kernels.rope import rotate
from brnb.ops.kernels.tuned import tuning

LOG2_E = 1 / log(2)
HEAD_DIMS = 32, 64, 128, 256  # that a token attends with
EARLY: dict[str, Any] = {"launch_pdl": True}  # before the kernel before it has ended


def normed_product(x: Tensor, gain: Tensor, eps: float, weight: Tensor) -> Tensor:
    """See `brnb.ops.streaming`."""
    out = torch.empty_like(weight[:, 0])
    _multiply(x, gain, weight, out, eps, norm=True, add=False)
    return out


def add_product(x: Tensor, y: Tensor, weight: Tensor) -> None:
    """See `brnb.ops.streaming`."""
    _multiply(y, y, weight, x, 0.0, norm=False, add=True)


def _multiply(
    x: Tensor, gain: Tensor, weight: Tensor, out: Tensor, eps: float, *, norm: bool, add: bool
) -> None:
    (rows, columns), tile = weight.shape, tuning().vector
    at_once = gcd(rows, tile.rows)
    _product[(rows // at_once,)](
        x, gain, weight, out, eps, columns, at_once, gcd(columns, tile.columns), norm, add,
        num_warps=tile.warps, **EARLY,
    )  # fmt: skip


def gated_product(x: Tensor, gain: Tensor, eps: float, weight: Tensor) -> Tensor:
    """See `brnb.ops.streaming`."""
    rows, columns, tile = len(weight) // 2, weight.shape[1], tuning().vector
    out, at_once = weight.new_empty(rows), gcd(rows, max(1, tile.rows // 2))
    _gated[(rows // at_once,)](
        x, gain, weight, out, eps, rows, columns, at_once, gcd(columns, tile.columns),
        num_warps=tile.warps, **EARLY,
    )  # fmt: skip
    return out


def attend_one(
    joined: Tensor,
    gains: Sequence[Tensor],
    eps: float,
    cos: Tensor,
    sin: Tensor,
    row: Tensor,
    position: Tensor,
    keys: Tensor,
    values: Tensor,
    arrived: Tensor,
    scale: float,
) -> Tensor:
    """See `brnb.ops.streaming`."""
    kv, size = keys.shape[1:]
    heads = joined.numel() // size - 2 * kv
    group, tile = heads // kv, tuning().token
    out = joined.new_empty(heads * size)
    parts = joined.new_empty(tile.parts, heads, size, dtype=torch.float32)
    sums = joined.new_empty(2, tile.parts, heads, dtype=torch.float32)
    _attend[(kv, tile.parts)](
        joined, *(gains or (joined, joined)), eps, cos, sin, row, position, keys, values,
        parts, *sums, arrived, out, scale * LOG2_E,
        kv, group, size, max(16, triton.next_power_of_2(group)), tile.keys, tile.parts, bool(gains),
        num_warps=tile.warps, num_stages=tile.stages, enable_fp_fusion=False, **EARLY,
    )  # fmt: skip
    return out


@triton.jit
def _product(  # type: ignore[no-untyped-def]
    x, gain, weight, out, eps, K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    NORM: tl.constexpr, ADD: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    y = _sums(x, gain, weight, row, eps, K, ROWS, COLUMNS, NORM).to(out.dtype.element_ty)
    if ADD:
        y = (y.to(tl.float32) + tl.load(out + row).to(tl.float32)).to(out.dtype.element_ty)
    tl.store(out + row, y)


@triton.jit
def _gated(  # type: ignore[no-untyped-def]
    x, gain, weight, out, eps, N,
    K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    start = tl.program_id(0) * ROWS
    pair = tl.arange(0, 2 * ROWS)  # a row of the gate's, and the same of up's
    row = start + pair // 2 + pair % 2 * N
    y = _sums(x, gain, weight, row, eps, K, 2 * ROWS, COLUMNS, True).to(out.dtype.element_ty)
    gate, up = tl.split(tl.reshape(y.to(tl.float32), (ROWS, 2)))
    silu = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + start + tl.arange(0, ROWS), (silu * up).to(out.dtype.element_ty))


@triton.jit
def _sums(  # type: ignore[no-untyped-def]
    x, gain, weight, row, eps, K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    NORM: tl.constexpr,
):  # fmt: skip
    """Some rows of weights times a vector: while one tile is added up, the next is on its way."""
    gdc_launch_dependents()
    column = tl.arange(0, COLUMNS)
    tile = weight + row.to(tl.int64)[:, None] * K + column[None, :]
    w = tl.load(tile, eviction_policy="evict_first")
    g = tl.load(gain + column).to(tl.float32) if NORM else 1.0
    gdc_wait()
    unit = 1.0
    if NORM:
        squares = tl.zeros((COLUMNS,), tl.float32)
        for start in tl.range(0, K, COLUMNS):
            part = tl.load(x + start + column).to(tl.float32)
            squares += part * part
        unit = tl.rsqrt(tl.sum(squares) / K + eps)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in tl.range(0, K, COLUMNS):
        later = start + COLUMNS < K
        following = tl.load(tile + start + COLUMNS, mask=later, eviction_policy="evict_first")
        part = tl.load(x + start + column).to(tl.float32)
        if NORM:
            part = (part * unit).to(x.dtype.element_ty).to(tl.float32)
            part = (part * g).to(x.dtype.element_ty).to(tl.float32)
            g = tl.load(gain + start + COLUMNS + column, mask=later).to(tl.float32)
        total += w.to(tl.float32) * part[None, :]
        w = following
    return tl.sum(total, 1)


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    joined, q_gain, k_gain, eps, cos, sin, row, position, keys, values,
    parts, largests, totals, arrived, out, scale,
    KV: tl.constexpr, GROUP: tl.constexpr, SIZE: tl.constexpr, ROWS: tl.constexpr,
    KEYS: tl.constexpr, PARTS: tl.constexpr, NORM: tl.constexpr,
):  # fmt: skip
    """A part of the keys of one key head; the last program of a head to end puts them together."""
    head, part = tl.program_id(0), tl.program_id(1)
    half: tl.constexpr = SIZE // 2
    dtype = joined.dtype.element_ty
    gdc_launch_dependents()
    here = tl.load(position, cache_modifier=".cg")
    place = tl.load(row, cache_modifier=".cg")
    length = tl.maximum(tl.cdiv(tl.cdiv(here, PARTS), KEYS), 1) * KEYS
    working = tl.maximum(tl.cdiv(here, length), 1)
    if part >= working:
        return
    first, end = part * length, tl.minimum((part + 1) * length, here)
    at, low = tl.arange(0, SIZE), tl.arange(0, half)
    line = ((place - here) * KV + head) * SIZE
    k_low, k_high, v, inside = _tile(keys, values, line, first, end, KV, SIZE, KEYS)
    c = tl.load(cos + here * SIZE + low).to(tl.float32)
    s = tl.load(sin + here * SIZE + low).to(tl.float32)
    gdc_wait()
    query = tl.arange(0, ROWS)
    asked = (query < GROUP)[:, None]
    source = joined + (head * GROUP + query)[:, None] * SIZE + low[None, :]
    q_low = tl.load(source, mask=asked, other=0.0).to(tl.float32)
    q_high = tl.load(source + half, mask=asked, other=0.0).to(tl.float32)
    source = joined + (KV * GROUP + head) * SIZE
    new_low = tl.load(source + low).to(tl.float32)[None, :]
    new_high = tl.load(source + half + low).to(tl.float32)[None, :]
    new_v = tl.load(source + KV * SIZE + at)
    if NORM:
        q_low, q_high = norm_heads(q_low, q_high, q_gain, eps, dtype, SIZE)
        new_low, new_high = norm_heads(new_low, new_high, k_gain, eps, dtype, SIZE)
    q_low, q_high = rotate(q_low, q_high, c[None, :], s[None, :], dtype)
    new_low, new_high = rotate(new_low, new_high, c[None, :], s[None, :], dtype)
    q_low, q_high = q_low.to(dtype), q_high.to(dtype)
    new_low, new_high = new_low.to(dtype), new_high.to(dtype)
    score = q_low.to(tl.float32) * new_low.to(tl.float32)
    score += q_high.to(tl.float32) * new_high.to(tl.float32)
    is_first = part == 0  # its program looks at the new key, too
    largest = tl.where(is_first, tl.sum(score, 1) * scale, float("-inf"))
    total = tl.where(is_first, tl.full((ROWS,), 1.0, tl.float32), 0.0)
    y = tl.where(is_first, tl.zeros((ROWS, SIZE), tl.float32) + new_v.to(tl.float32)[None, :], 0.0)
    if is_first:
        target = (place * KV + head) * SIZE
        tl.store(keys + target + low[None, :], new_low)
        tl.store(keys + target + half + low[None, :], new_high)
        tl.store(values + target + at, new_v)
    y, total, largest = _seen(y, total, largest, q_low, q_high, k_low, k_high, v, inside, scale)
    for start in tl.range(first + KEYS, end, KEYS):
        k_low, k_high, v, inside = _tile(keys, values, line, start, end, KV, SIZE, KEYS)
        y, total, largest = _seen(y, total, largest, q_low, q_high, k_low, k_high, v, inside, scale)
    mine = (head * GROUP + query) * SIZE
    if working == 1:
        y = y / total[:, None]
        tl.store(out + mine[:, None] + at[None, :], y.to(dtype), mask=asked)
    else:
        heads: tl.constexpr = KV * GROUP
        tl.store(parts + part * heads * SIZE + mine[:, None] + at[None, :], y, mask=asked)
        sums = part * heads + head * GROUP + query
        tl.store(largests + sums, largest, mask=query < GROUP)
        tl.store(totals + sums, total, mask=query < GROUP)
        tl.debug_barrier()  # all threads of a program have written before one of them says so
        if tl.atomic_add(arrived + head, 1, sem="acq_rel") == working - 1:
            for one in tl.static_range(GROUP):
                _put_together(
                    parts, largests, totals, out, head * GROUP + one, working, heads, SIZE, PARTS
                )
            tl.store(arrived + head, 0)


@triton.jit
def _tile(  # type: ignore[no-untyped-def]
    keys, values, line, start, end, KV: tl.constexpr, SIZE: tl.constexpr, KEYS: tl.constexpr
):
    """Both halves of some keys, their values, and which of them there are."""
    key = start + tl.arange(0, KEYS)
    inside = key < end
    place = line + key[:, None] * (KV * SIZE)
    low, at = tl.arange(0, SIZE // 2)[None, :], tl.arange(0, SIZE)[None, :]
    k_low = tl.load(keys + place + low, mask=inside[:, None], other=0.0)
    k_high = tl.load(keys + place + SIZE // 2 + low, mask=inside[:, None], other=0.0)
    v = tl.load(values + place + at, mask=inside[:, None], other=0.0)
    return k_low, k_high, v, inside


@triton.jit
def _seen(y, total, largest, q_low, q_high, k_low, k_high, v, inside, scale):  # type: ignore[no-untyped-def]
    """After more keys; `largest` is of scores in powers of two."""
    score = tl.dot(q_low, tl.trans(k_low), input_precision="ieee")
    score = tl.dot(q_high, tl.trans(k_high), score, input_precision="ieee") * scale
    score = tl.where(inside[None, :], score, float("-inf"))
    larger = tl.maximum(largest, tl.max(score, 1))
    weight = tl.exp2(score - larger[:, None])
    less = tl.exp2(largest - larger)
    total = total * less + tl.sum(weight, 1)
    y = tl.dot(weight.to(v.dtype), v, y * less[:, None], input_precision="ieee")
    return y, total, larger


@triton.jit
def _put_together(  # type: ignore[no-untyped-def]
    parts, largests, totals, out, head, working,
    HEADS: tl.constexpr, SIZE: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """A head's output of all its parts."""
    part, at = tl.arange(0, PARTS), tl.arange(0, SIZE)
    there = part < working
    sums = part * HEADS + head
    largest = tl.load(largests + sums, mask=there, other=float("-inf"), cache_modifier=".cg")
    total = tl.load(totals + sums, mask=there, other=0.0, cache_modifier=".cg")
    share = tl.exp2(largest - tl.max(largest))
    y = tl.load(
        parts + sums[:, None] * SIZE + at[None, :], mask=there[:, None], other=0.0,
        cache_modifier=".cg",
    )  # fmt: skip
    y = tl.sum(y * share[:, None], 0) / tl.sum(total * share)
    tl.store(out + head * SIZE + at, y.to(out.dtype.element_ty))
