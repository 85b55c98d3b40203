"""What stands between the products of a Llama layer, as GPU kernels in Triton; import on a GPU.

Each rounds where transformers' own code does, so that answers differ by products alone.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

KEYS = 32  # keys that a decoding token meets at a time; measured best of 32, 64 and 128


def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of the rows of (N, d)."""
    out = torch.empty_like(x)
    width = x.shape[1]
    block = triton.next_power_of_2(width)
    _norm[(len(x),)](x, gain, out, eps, width, block, num_warps=max(4, min(16, block // 512)))
    return out


def swiglu(joined: Tensor) -> Tensor:
    """silu(gate) * up of rows (N, 2F) that hold both."""
    width = joined.shape[1] // 2
    out = joined.new_empty(len(joined), width)
    _swiglu[(len(joined), triton.cdiv(width, 1024))](joined, out, width, 1024, num_warps=4)
    return out


def turn_and_store(
    joined: Tensor, rope: tuple[Tensor, Tensor], rows: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Rotate queries and keys of rows (N, (H + 2K) D); store keys and values, return the queries.

    Parameters
    ----------
    rope
        Cosines and sines, (N, D).
    rows
        Where the keys and values of each token go, (N,).
    keys, values
        (places, K, D), of the same strides.
    """
    kv, size = keys.shape[1:]
    heads = joined.shape[1] // size - 2 * kv
    q = joined.new_empty(len(joined), heads, size)
    block = triton.next_power_of_2(heads + 2 * kv)
    _turn_and_store[(len(joined),)](
        joined, *rope, rows, q, keys, values, heads, kv, size, block, num_warps=4
    )
    return q


def attend_slots(
    q: Tensor, keys: Tensor, values: Tensor, positions: Tensor, scale: float
) -> Tensor:
    """Attention of one token a slot (S, H, D) to the keys (slots, length, K, D) up to its own."""
    slots, heads, size = q.shape
    length, kv = keys.shape[1:3]
    group = heads // kv
    out = torch.empty_like(q)
    block = max(16, triton.next_power_of_2(group))
    _attend[(slots, kv)](
        q, keys, values, positions, out, scale * 1.4426950408889634, length, kv, group, size, block,
        KEYS, num_warps=4, num_stages=3,
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
def _turn_and_store(  # type: ignore[no-untyped-def]
    joined, cos, sin, rows, q, keys, values,
    HEADS: tl.constexpr, KV: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr,
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
    turned = (low * c).to(dtype).to(tl.float32) - (high * s).to(dtype).to(tl.float32)
    other = (high * c).to(dtype).to(tl.float32) + (low * s).to(dtype).to(tl.float32)
    query = head < HEADS
    target = q + (token * HEADS + head) * SIZE + at
    tl.store(target, turned.to(dtype), mask=query)
    tl.store(target + half, other.to(dtype), mask=query)
    key = (head >= HEADS) & (head < HEADS + KV)
    target = keys + (place * KV + head - HEADS) * SIZE + at
    tl.store(target, turned.to(dtype), mask=key)
    tl.store(target + half, other.to(dtype), mask=key)
    value = (head >= HEADS + KV) & inside
    target = values + (place * KV + head - HEADS - KV) * SIZE + at
    tl.store(target, low.to(dtype), mask=value)
    tl.store(target + half, high.to(dtype), mask=value)


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
    found = tl.zeros([ROWS, SIZE], tl.float32)
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
        found = found * shrink[:, None]
        found += tl.dot(weight.to(v.dtype), v, input_precision="ieee")
        largest = larger
    found = found / total[:, None]
    tl.store(out + at, found.to(out.dtype.element_ty), mask=row < GROUP)
