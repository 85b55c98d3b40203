"""`brnb.ops.decoding` as GPU kernels in Triton; import it where there is a GPU.

Each rounds where transformers' own code does, so that answers differ by products alone.
"""

import math
from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.rope import rotate
from brnb.ops.kernels.tuned import tuning

LOG2_E = 1 / math.log(2)
FLAT = 1024  # columns of a program
HEAD_DIMS = 16, 32, 64, 128, 256  # that a token attends with


def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """See `brnb.ops.decoding`."""
    out = torch.empty_like(x)
    width = x.shape[1]
    block = triton.next_power_of_2(width)
    _norm[(len(x),)](x, gain, out, eps, width, block, num_warps=max(4, min(16, block // 512)))
    return out


def swiglu(joined: Tensor) -> Tensor:
    """See `brnb.ops.decoding`."""
    width = joined.shape[1] // 2
    out = joined.new_empty(len(joined), width)
    _swiglu[(len(joined), triton.cdiv(width, FLAT))](joined, out, width, FLAT, num_warps=4)
    return out


def rotate_and_store(
    joined: Tensor,
    gains: Sequence[Tensor],
    eps: float,
    cos: Tensor,
    sin: Tensor,
    rows: Tensor,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    """See `brnb.ops.decoding`."""
    kv, size = keys.shape[1:]
    heads = joined.shape[1] // size - 2 * kv
    q = joined.new_empty(len(joined), heads, size)
    block = triton.next_power_of_2(heads + 2 * kv)
    _rotate_and_store[(len(joined),)](
        joined, *(gains or (joined, joined)), eps, cos, sin, rows, q, keys, values,
        heads, kv, size, block, bool(gains), num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip
    return q


def attend_slots(
    q: Tensor, keys: Tensor, values: Tensor, positions: Tensor, scale: float
) -> Tensor:
    """See `brnb.ops.decoding`."""
    slots, heads, size = q.shape
    length, kv = keys.shape[1:3]
    group = heads // kv
    out = torch.empty_like(q)
    block = max(16, triton.next_power_of_2(group))
    _attend[(slots, kv)](
        q, keys, values, positions, out, scale * LOG2_E, length, kv, group, size, block,
        tuning().decoding_keys, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out


@triton.jit
def _norm(  # type: ignore[no-untyped-def]
    x, gain, out, eps, WIDTH: tl.constexpr, BLOCK: tl.constexpr
):
    line = tl.program_id(0).to(tl.int64) * WIDTH
    at = tl.arange(0, BLOCK)
    inside = at < WIDTH
    value = tl.load(x + line + at, mask=inside, other=0.0).to(tl.float32)
    unit = value * tl.rsqrt(tl.sum(value * value) / WIDTH + eps)
    unit = unit.to(out.dtype.element_ty).to(tl.float32)
    scaled = unit * tl.load(gain + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + line + at, scaled.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _swiglu(joined, out, WIDTH: tl.constexpr, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    line = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < WIDTH
    gate = tl.load(joined + line * 2 * WIDTH + at, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(joined + line * 2 * WIDTH + WIDTH + at, mask=inside, other=0.0).to(tl.float32)
    silu = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + line * WIDTH + at, (silu * up).to(out.dtype.element_ty), mask=inside)


@triton.jit
def _rotate_and_store(  # type: ignore[no-untyped-def]
    joined, q_gain, k_gain, eps, cos, sin, rows, q, keys, values,
    HEADS: tl.constexpr, KV: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr,
    NORM: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    place = tl.load(rows + token).to(tl.int64)
    half: tl.constexpr = SIZE // 2
    dtype = q.dtype.element_ty
    head = tl.arange(0, BLOCK)[:, None]
    at = tl.arange(0, half)[None, :]
    inside = head < HEADS + 2 * KV
    source = joined + token * (HEADS + 2 * KV) * SIZE + head * SIZE + at
    low = tl.load(source, mask=inside, other=0.0).to(tl.float32)
    high = tl.load(source + half, mask=inside, other=0.0).to(tl.float32)
    c = tl.load(cos + token * SIZE + at).to(tl.float32)
    s = tl.load(sin + token * SIZE + at).to(tl.float32)
    query = head < HEADS
    first, second = low, high
    if NORM:
        first, second = norm_heads(first, second, tl.where(query, q_gain, k_gain), eps, dtype, SIZE)
    first, second = rotate(first, second, c, s, dtype)
    target = q + (token * HEADS + head) * SIZE + at
    tl.store(target, first.to(dtype), mask=query)
    tl.store(target + half, second.to(dtype), mask=query)
    key = (head >= HEADS) & (head < HEADS + KV)
    target = keys + (place * KV + head - HEADS) * SIZE + at
    tl.store(target, first.to(dtype), mask=key)
    tl.store(target + half, second.to(dtype), mask=key)
    value = (head >= HEADS + KV) & inside
    target = values + (place * KV + head - HEADS - KV) * SIZE + at
    tl.store(target, low.to(dtype), mask=value)
    tl.store(target + half, high.to(dtype), mask=value)


@triton.jit
def norm_heads(  # type: ignore[no-untyped-def]
    low, high, gain, eps, dtype: tl.constexpr, SIZE: tl.constexpr
):
    """Heads, (heads, SIZE / 2) twice, after their root-mean-square norm, in fp32."""
    half: tl.constexpr = SIZE // 2
    unit = tl.rsqrt((tl.sum(low * low, 1) + tl.sum(high * high, 1)) / SIZE + eps)[:, None]
    at = gain + tl.arange(0, half)[None, :]
    low = (low * unit).to(dtype).to(tl.float32) * tl.load(at).to(tl.float32)
    high = (high * unit).to(dtype).to(tl.float32) * tl.load(at + half).to(tl.float32)
    return low.to(dtype).to(tl.float32), high.to(dtype).to(tl.float32)


@triton.jit
def _attend(  # type: ignore[no-untyped-def]
    q, keys, values, positions, out, scale, length,
    KV: tl.constexpr, GROUP: tl.constexpr, SIZE: tl.constexpr,
    ROWS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """One program a slot and key head: the softmax as it goes, in base 2."""
    slot = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    count = tl.load(positions + slot) + 1
    row = tl.arange(0, ROWS)[:, None]
    part = tl.arange(0, SIZE)
    at = ((slot * KV + head) * GROUP + row) * SIZE + part[None, :]
    queries = tl.load(q + at, mask=row < GROUP, other=0.0)
    largest = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    summed = tl.zeros([ROWS, SIZE], tl.float32)
    line = (slot * length * KV + head) * SIZE
    for start in range(0, count, KEYS):
        key = start + tl.arange(0, KEYS)
        inside = key < count
        place = line + key.to(tl.int64)[:, None] * KV * SIZE + part[None, :]
        k = tl.load(keys + place, mask=inside[:, None], other=0.0)
        v = tl.load(values + place, mask=inside[:, None], other=0.0)
        score = tl.dot(queries, tl.trans(k), input_precision="ieee") * scale
        score = tl.where(inside[None, :], score, float("-inf"))
        larger = tl.maximum(largest, tl.max(score, 1))
        weight = tl.exp2(score - larger[:, None])
        shrink = tl.exp2(largest - larger)
        total = total * shrink + tl.sum(weight, 1)
        summed = summed * shrink[:, None]
        summed += tl.dot(weight.to(v.dtype), v, input_precision="ieee")
        largest = larger
    summed = summed / total[:, None]
    tl.store(out + at, summed.to(out.dtype.element_ty), mask=row < GROUP)
