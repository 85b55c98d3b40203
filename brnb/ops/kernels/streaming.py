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


def normed_product(
    x: Tensor, gain: Tensor, eps: float, weight: Tensor, scales: Tensor | None, ahead: Tensor
) -> Tensor:
    """See `brnb.ops.streaming`."""
    out = x.new_empty(len(weight))
    _multiply(x, gain, weight, scales, out, out, eps, ahead, norm=True)
    return out


def add_product(x: Tensor, y: Tensor, weight: Tensor, scales: Tensor | None, ahead: Tensor) -> None:
    """See `brnb.ops.streaming`."""
    _multiply(y, y, weight, scales, x, x, 0.0, ahead, add=True)


def best_score(x: Tensor, gain: Tensor, eps: float, weight: Tensor, best: Tensor) -> None:
    """See `brnb.ops.streaming`."""
    _multiply(x, gain, weight, None, x, best, eps, weight[:0], norm=True, most=True)


def _multiply(
    x: Tensor,
    gain: Tensor,
    weight: Tensor,
    scales: Tensor | None,
    out: Tensor,
    best: Tensor,
    eps: float,
    ahead: Tensor,
    *,
    norm: bool = False,
    add: bool = False,
    most: bool = False,
) -> None:
    rows, columns = weight.shape
    at_once, *shape = _tile_of(rows, columns)
    count = rows // at_once
    _product[(count,)](
        x, gain, weight, weight if scales is None else scales, out, best, eps,
        ahead, _share(ahead, count), columns, at_once, *shape, scales is not None,
        norm, add, most, num_warps=tuning().vector.warps, **EARLY,
    )  # fmt: skip


def gated_product(
    x: Tensor, gain: Tensor, eps: float, weight: Tensor, scales: Tensor | None, ahead: Tensor
) -> Tensor:
    """See `brnb.ops.streaming`."""
    rows, columns = weight.shape
    at_once, *shape = _tile_of(rows, columns)
    pairs, out = max(1, at_once // 2), x.new_empty(rows // 2)
    count = rows // 2 // pairs
    _gated[(count,)](
        x, gain, weight, weight if scales is None else scales, out, eps,
        ahead, _share(ahead, count), rows // 2, columns, pairs, *shape, scales is not None,
        num_warps=tuning().vector.warps, **EARLY,
    )  # fmt: skip
    return out


def advance(
    best: Tensor, last: Tensor, begins: Tensor, position: Tensor, spare: int, length: int
) -> None:
    """See `brnb.ops.streaming`."""
    _advance[(1,)](best, last, begins, position, spare, length, num_warps=1, **EARLY)


def _tile_of(rows: int, columns: int) -> tuple[int, int, int]:
    """Rows of a program, columns of a chunk of them, and chunks: the weights that it holds."""
    tile = tuning().vector
    even = [size for size in (tile.columns, tile.columns // 2) if columns % size == 0]
    wide = even[0] if even else min(tile.columns, triton.next_power_of_2(columns))
    most = max(1, min(tile.numbers // columns, rows // tile.programs))
    return gcd(rows, 2 ** (most.bit_length() - 1)), wide, triton.cdiv(columns, wide)


def _share(ahead: Tensor, programs: int) -> int:
    """Bytes of what comes next that each program asks for; units of 16."""
    return min(ahead.nbytes, tuning().vector.ahead) // programs // 16 * 16


def attend_one(
    joined: Tensor,
    gains: Sequence[Tensor],
    eps: float,
    cos: Tensor,
    sin: Tensor,
    begin: Tensor,
    position: Tensor,
    keys: Tensor,
    values: Tensor,
    arrived: Tensor,
    scale: float,
    ahead: Tensor,
) -> Tensor:
    """See `brnb.ops.streaming`."""
    kv, size = keys.shape[1:]
    heads = joined.numel() // size - 2 * kv
    group, tile = heads // kv, tuning().token
    out = joined.new_empty(heads * size)
    parts = joined.new_empty(tile.parts, heads, size, dtype=torch.float32)
    sums = joined.new_empty(2, tile.parts, heads, dtype=torch.float32)
    _attend[(kv, tile.parts)](
        joined, *(gains or (joined, joined)), eps, cos, sin, begin, position, keys, values,
        parts, *sums, arrived, out, scale * LOG2_E, ahead, _share(ahead, kv * tile.parts),
        kv, group, size, max(16, triton.next_power_of_2(group)), tile.keys, tile.parts,
        triton.next_power_of_2(group), bool(gains),
        num_warps=tile.warps, num_stages=tile.stages, enable_fp_fusion=False, **EARLY,
    )  # fmt: skip
    return out


@triton.jit
def _product(  # type: ignore[no-untyped-def]
    x, gain, weight, scales, out, best, eps, ahead, share,
    K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, CHUNKS: tl.constexpr,
    SCALED: tl.constexpr, NORM: tl.constexpr, ADD: tl.constexpr, MOST: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    y = _sums(x, gain, weight, row, eps, ahead, share, K, ROWS, COLUMNS, CHUNKS, NORM)
    if SCALED:
        y *= tl.load(scales + row)
    y = y.to(x.dtype.element_ty)
    if MOST:
        bits = y.to(tl.float32).to(tl.int32, bitcast=True)
        bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # ordered as the numbers are
        packed = (bits.to(tl.int64) << 32) | (0x7FFFFFFF - row).to(tl.int64)  # the first of equals
        tl.atomic_max(best, tl.max(packed), sem="relaxed")
    else:
        if ADD:
            y = (y.to(tl.float32) + tl.load(out + row).to(tl.float32)).to(x.dtype.element_ty)
        tl.store(out + row, y)


@triton.jit
def _gated(  # type: ignore[no-untyped-def]
    x, gain, weight, scales, out, eps, ahead, share, N,
    K: tl.constexpr, PAIRS: tl.constexpr, COLUMNS: tl.constexpr, CHUNKS: tl.constexpr,
    SCALED: tl.constexpr,
):  # fmt: skip
    start = tl.program_id(0) * PAIRS
    pair = tl.arange(0, 2 * PAIRS)  # a row of the gate's, and the same of up's
    row = start + pair // 2 + pair % 2 * N
    y = _sums(x, gain, weight, row, eps, ahead, share, K, 2 * PAIRS, COLUMNS, CHUNKS, True)
    if SCALED:
        y *= tl.load(scales + row)
    y = y.to(out.dtype.element_ty).to(tl.float32)
    gate, up = tl.split(tl.reshape(y, (PAIRS, 2)))
    silu = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + start + tl.arange(0, PAIRS), (silu * up).to(out.dtype.element_ty))


@triton.jit
def _sums(  # type: ignore[no-untyped-def]
    x, gain, weight, row, eps, ahead, share,
    K: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, CHUNKS: tl.constexpr,
    NORM: tl.constexpr,
):  # fmt: skip
    """Some rows of weights, all held before the vector comes, times the vector."""
    gdc_launch_dependents()
    column = tl.arange(0, COLUMNS)
    tile = weight + row.to(tl.int64)[:, None] * K + column[None, :]
    weights = ()
    gains = ()
    for i in tl.static_range(CHUNKS):
        inside = i * COLUMNS + column < K
        w = tl.load(tile + i * COLUMNS, mask=inside[None, :], eviction_policy="evict_first")
        weights = weights + (w,)  # noqa: RUF005 (Triton's tuples)
        if NORM:
            g = tl.load(gain + i * COLUMNS + column, mask=inside).to(tl.float32)
            gains = gains + (g,)  # noqa: RUF005
    _ask_for(ahead, share)
    gdc_wait()
    parts = ()
    for i in tl.static_range(CHUNKS):
        inside = i * COLUMNS + column < K
        part = tl.load(x + i * COLUMNS + column, mask=inside, other=0.0).to(tl.float32)
        parts = parts + (part,)  # noqa: RUF005
    unit = 1.0
    if NORM:
        squares = tl.zeros((COLUMNS,), tl.float32)
        for i in tl.static_range(CHUNKS):
            squares += parts[i] * parts[i]
        unit = tl.rsqrt(tl.sum(squares) / K + eps)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for i in tl.static_range(CHUNKS):
        part = parts[i]
        if NORM:
            part = (part * unit).to(x.dtype.element_ty).to(tl.float32) * gains[i]
            part = part.to(x.dtype.element_ty).to(tl.float32)
        total += weights[i].to(tl.float32) * part[None, :]
    return tl.sum(total, 1)


@triton.jit
def _ask_for(ahead, share):  # type: ignore[no-untyped-def]
    """Let one thread ask for this program's share of some bytes, to be in the cache when needed."""
    program = tl.program_id(0) + tl.program_id(1) * tl.num_programs(0)
    start = ahead.to(tl.int64) + program.to(tl.int64) * share
    if share > 0:
        tl.inline_asm_elementwise(
            """{
            .reg .pred first;
            .reg .u32 thread;
            mov.u32 thread, %tid.x;
            setp.eq.u32 first, thread, 0;
            @first cp.async.bulk.prefetch.L2.global [$1], $2;
            mov.u32 $0, 0;
            }""",
            "=r,l,r", [start, share], dtype=tl.int32, is_pure=False, pack=1,
        )  # fmt: skip


@triton.jit
def _advance(best, last, begins, position, spare, length):  # type: ignore[no-untyped-def]
    gdc_launch_dependents()
    gdc_wait()
    token = 0x7FFFFFFF - (tl.load(best) & 0x7FFFFFFF)
    tl.store(last, token)
    tl.store(best, -0x8000000000000000)
    here = tl.load(position)
    after = tl.minimum(here + 1, length - 1)
    tl.store(position, tl.where(tl.load(begins) < spare, after, here))


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    joined, q_gain, k_gain, eps, cos, sin, begin, position, keys, values,
    parts, largests, totals, arrived, out, scale, ahead, share,
    KV: tl.constexpr, GROUP: tl.constexpr, SIZE: tl.constexpr, ROWS: tl.constexpr,
    KEYS: tl.constexpr, PARTS: tl.constexpr, HEADS: tl.constexpr, NORM: tl.constexpr,
):  # fmt: skip
    """A part of the keys of one key head; the last program of a head to end puts them together."""
    head, part = tl.program_id(0), tl.program_id(1)
    half: tl.constexpr = SIZE // 2
    dtype = joined.dtype.element_ty
    gdc_launch_dependents()
    _ask_for(ahead, share)
    here = tl.load(position, cache_modifier=".cg")
    start = tl.load(begin, cache_modifier=".cg")
    place = start + here
    length = tl.maximum(tl.cdiv(tl.cdiv(here, PARTS), KEYS), 1) * KEYS
    working = tl.maximum(tl.cdiv(here, length), 1)
    if part >= working:
        return
    first, end = part * length, tl.minimum((part + 1) * length, here)
    at, low = tl.arange(0, SIZE), tl.arange(0, half)
    line = (start * KV + head) * SIZE
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
    for later in tl.range(first + KEYS, end, KEYS):
        k_low, k_high, v, inside = _tile(keys, values, line, later, end, KV, SIZE, KEYS)
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
            _put_together(
                parts, largests, totals, out, head * GROUP, working, heads,
                GROUP, HEADS, SIZE, PARTS,
            )  # fmt: skip
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
    parts, largests, totals, out, first, working, heads: tl.constexpr,
    GROUP: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr, PARTS: tl.constexpr,
):  # fmt: skip
    """Some heads' output of all their parts."""
    part, head, at = tl.arange(0, PARTS), tl.arange(0, HEADS), tl.arange(0, SIZE)
    asked = (head < GROUP)[None, :]
    there = (part < working)[:, None] & asked
    sums = part[:, None] * heads + first + head[None, :]
    values = parts + sums[:, :, None] * SIZE + at[None, None, :]
    y = tl.load(values, mask=there[:, :, None], other=0.0, cache_modifier=".cg")
    largest = tl.load(largests + sums, mask=there, other=-1e30, cache_modifier=".cg")
    total = tl.load(totals + sums, mask=there, other=0.0, cache_modifier=".cg")
    share = tl.exp2(largest - tl.max(largest, 0)[None, :])
    y = tl.sum(y * share[:, :, None], 0) / tl.sum(total * share, 0)[:, None]
    target = out + (first + head)[:, None] * SIZE + at[None, :]
    tl.store(target, y.to(out.dtype.element_ty), mask=(head < GROUP)[:, None])
