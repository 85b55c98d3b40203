"""Attention of `brnb.ops.streaming` as a GPU kernel in Triton; import it where there is a GPU."""

from collections.abc import Sequence
from math import log

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from brnb.ops.kernels.decoding import norm_heads
from brnb.ops.kernels.early import EARLY, ask_for, share_of
from brnb.ops.kernels.rope import rotate
from brnb.ops.kernels.tuned import tuning

LOG2_E = 1 / log(2)


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
        parts, *sums, arrived, out, scale * LOG2_E, ahead, share_of(ahead, kv * tile.parts),
        kv, group, size, max(16, triton.next_power_of_2(group)), tile.keys, tile.parts,
        tile.alone, triton.next_power_of_2(group), bool(gains),
        num_warps=tile.warps, num_stages=tile.stages, enable_fp_fusion=False, **EARLY,
    )  # fmt: skip
    return out


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    joined, q_gain, k_gain, eps, cos, sin, begin, position, keys, values,
    parts, largests, totals, arrived, out, scale, ahead, share,
    KV: tl.constexpr, GROUP: tl.constexpr, SIZE: tl.constexpr, ROWS: tl.constexpr,
    KEYS: tl.constexpr, PARTS: tl.constexpr, ALONE: tl.constexpr, HEADS: tl.constexpr,
    NORM: tl.constexpr,
):  # fmt: skip
    """A part of the keys of one key head; the last program of a head to end puts them together."""
    head, part = tl.program_id(0), tl.program_id(1)
    half: tl.constexpr = SIZE // 2
    dtype = joined.dtype.element_ty
    gdc_launch_dependents()
    ask_for(ahead, share)
    here = tl.load(position, cache_modifier=".cg")
    start = tl.load(begin, cache_modifier=".cg")
    place = start + here
    length = tl.where(here <= ALONE, ALONE, tl.cdiv(tl.cdiv(here, PARTS), KEYS) * KEYS)
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
