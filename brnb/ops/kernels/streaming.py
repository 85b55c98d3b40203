"""The products of `brnb.ops.streaming` as GPU kernels in Triton; import it where there is a GPU.

A program holds some rows of weights before the vector is there (`brnb.ops.kernels.early`).
"""

from math import gcd

import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from brnb.ops.kernels.early import EARLY, ask_for, share_of
from brnb.ops.kernels.tuned import tuning


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
        ahead, share_of(ahead, count), columns, at_once, *shape, scales is not None,
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
        ahead, share_of(ahead, count), rows // 2, columns, pairs, *shape, scales is not None,
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
        weights = weights + (w,)  # type: ignore[assignment]  # noqa: RUF005
        if NORM:
            g = tl.load(gain + i * COLUMNS + column, mask=inside).to(tl.float32)
            gains = gains + (g,)  # type: ignore[assignment]  # noqa: RUF005
    ask_for(ahead, share)
    gdc_wait()
    parts = ()
    for i in tl.static_range(CHUNKS):
        inside = i * COLUMNS + column < K
        part = tl.load(x + i * COLUMNS + column, mask=inside, other=0.0).to(tl.float32)
        parts = parts + (part,)  # type: ignore[assignment]  # noqa: RUF005
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
            part = (part * unit).to(x.dtype.element_ty).to(tl.float32) * gains[i]  # type: ignore[attr-defined]
            part = part.to(x.dtype.element_ty).to(tl.float32)
        total += weights[i].to(tl.float32) * part[None, :]
    return tl.sum(total, 1)


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
