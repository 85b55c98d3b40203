"""`brnb.ops.experts` as GPU kernels in Triton; import it where there is a GPU.

Each product is of all experts in one launch: a program takes tile after tile, and a tile's rows are
of one expert. SwiGLU ends the first. Its gradient is a pass of its own, which also weighs what the
gradient of ``down`` sums over. Tiles are brought by the tensor memory accelerator; padding is
zeros, so that nothing is masked.
"""

from dataclasses import replace
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from brnb.ops.kernels.sorting import combine, gather
from brnb.ops.kernels.tuned import Tile, tuning
from brnb.ops.sorting import BLOCKS, Layout

COLUMNS = 1024  # of a row at a time
FEW_ROWS_PARTS = 4
SHORT = 1024  # terms of a sum that ends before writing its results pays


def experts(
    x: Tensor, gate_up: Tensor, down: Tensor, weights: Tensor, *rest: Any
) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.experts`."""
    *parts, keep = rest
    layout, top_k = Layout(*parts), weights.shape[1]
    before, active = _up(gather(x, layout, top_k), gate_up, layout, keep)
    results = _product(active, down, layout, transposed=False, parts=_parts(layout))
    return combine(results, layout, weights, top_k), before


def experts_backward(
    d: Tensor, x: Tensor, gate_up: Tensor, down: Tensor, weights: Tensor, before: Tensor,
    *parts: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """See `brnb.ops.experts`."""
    layout, top_k = Layout(*parts), weights.shape[1]
    d_rows = gather(d, layout, top_k)
    d_active = _product(d_rows, down, layout, transposed=True)
    d_before, active, d_weights = _swiglu_backward(d_active, before, weights, layout)
    d_down = _sums(d_rows, active, layout)
    dx_rows = _product(d_before, gate_up, layout, transposed=True, parts=_parts(layout))
    dx = combine(dx_rows, layout, None, top_k)
    d_gate_up = _sums(d_before, gather(x, layout, top_k), layout)
    return dx, d_gate_up, d_down, d_weights


def _up(rows: Tensor, gate_up: Tensor, layout: Layout, keep: bool) -> tuple[Tensor, Tensor]:
    """Gate and up of every row, if they are to be kept, and their activation."""
    wide, width = gate_up.shape[1:]
    short = layout.block == BLOCKS[-1] and width <= SHORT
    tile = tuning().experts_up_short if short else tuning().experts_up[layout.block]
    tile = _fitting(tile, wide // 2)
    before = rows.new_empty((len(rows), wide) if keep else (0,))
    active = rows.new_empty(len(rows), wide // 2)
    out = _tiles(active, layout.block, tile.columns)
    _run(
        _up_kernel, tile, layout, wide // 2 // tile.columns,
        _tiles(rows, layout.block, tile.terms), _tiles(gate_up, tile.columns, tile.terms),
        _tiles(before, layout.block, tile.columns) if keep else out, out,
        layout.tiles, layout.starts, len(gate_up), wide // 2, width, keep,
        SWAP=tile.swap,
    )  # fmt: skip
    return before, active


def _product(
    rows: Tensor, weights: Tensor, layout: Layout, transposed: bool, parts: int = 1
) -> Tensor:
    """Rows (rows, n) times the weights of their expert, (E, m, n) or transposed (E, n, m): (rows,
    m). With parts of the sum apart, so many such matrices above each other."""
    terms, columns = weights.shape[1:] if transposed else weights.mT.shape[1:]
    tile = _fitting(tuning().experts_product[layout.block], columns)
    parts = 1 if terms % tile.terms else _divisor(terms // tile.terms, parts)
    out = rows.new_empty(parts * len(rows), columns)
    shape = (tile.terms, tile.columns) if transposed else (tile.columns, tile.terms)
    _run(
        _product_kernel, tile, layout, parts * (columns // tile.columns),
        _tiles(rows, layout.block, tile.terms), _tiles(weights, *shape),
        _tiles(out, layout.block, tile.columns // 2),
        layout.tiles, layout.starts, len(weights), columns, terms, len(rows), parts, transposed,
        SWAP=tile.swap,
    )  # fmt: skip
    return out


def _parts(layout: Layout) -> int:
    """Into how many parts sums are cut whose results are added up later: few rows have few tiles,
    too few for all multiprocessors to end together."""
    return FEW_ROWS_PARTS if layout.block == BLOCKS[0] else 1


def _swiglu_backward(
    d_active: Tensor, before: Tensor, weights: Tensor, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of gate and up (rows, 2·f), the activation times its weight, (rows, f), which takes
    the place of `d_active`, and the gradient of the weights (T, k)."""
    d_before, d_weights = torch.empty_like(before), torch.empty_like(weights)
    _swiglu_backward_kernel[(len(before),)](
        d_active, before, weights, layout.source, layout.tiles, d_before, d_weights,
        d_active.shape[1], layout.block, COLUMNS, num_warps=4,
    )  # fmt: skip
    return d_before, d_active, d_weights


def _sums(left: Tensor, right: Tensor, layout: Layout) -> Tensor:
    """Gradient of weights: left^T right over the rows of each expert, (E, n, d)."""
    count, rows, columns = len(layout.starts) - 1, left.shape[1], right.shape[1]
    lines, tile = tuning().experts_sums
    lines, tile = _divisor(rows, lines), _fitting(tile, columns)
    out = left.new_empty(count, rows, columns)
    terms = min(tile.terms, layout.block)
    tiles = count * (rows // lines) * (columns // tile.columns)
    _sums_kernel[(min(tiles, tuning().multiprocessors * tile.waves),)](
        _tiles(left, terms, lines), _tiles(right, terms, tile.columns),
        _tiles(out, lines, tile.columns // 2), layout.starts, tiles, rows, columns,
        lines, tile.columns, terms, tile.group, tile.flat,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return out


def _run(
    kernel: Any, tile: Tile, layout: Layout, across: int, *arguments: Any, **more: Any
) -> None:
    """Start the programs of a product that is so many tiles wide."""
    most = len(layout.tiles) * across
    kernel[(min(most, tuning().multiprocessors * tile.waves),)](
        *arguments, layout.block, tile.columns, tile.terms, tile.group, tile.flat,
        num_warps=tile.warps, num_stages=tile.stages, **more,
    )  # fmt: skip


def _tiles(x: Tensor, rows: int, columns: int) -> TensorDescriptor:
    """A view of a matrix, or of matrices above each other, of which a tile is read or written."""
    return TensorDescriptor.from_tensor(x.view(-1, x.shape[-1]), [rows, columns])


def _fitting(tile: Tile, columns: int) -> Tile:
    """The tile, as many columns wide as divide those of the product."""
    return replace(tile, columns=_divisor(columns, tile.columns))


def _divisor(size: int, most: int) -> int:
    while size % most:
        most //= 2
    return most


@triton.jit
def _position(tile, tall, across, GROUP: tl.constexpr):  # type: ignore[no-untyped-def]
    """Row and column of a tile: so many rows of tiles at a time, so that they share a cache."""
    group = tile // (GROUP * across)
    rows = tl.minimum(tall - group * GROUP, GROUP)
    inside = tile % (GROUP * across)
    return group * GROUP + inside % rows, inside // rows


@triton.jit
def _halves(x):  # type: ignore[no-untyped-def]
    """The left and the right columns of a tile: what is written at once needs room beside what is
    being read."""
    parts = tl.reshape(x, (x.shape[0], 2, x.shape[1] // 2))
    return tl.split(tl.permute(parts, (0, 2, 1)))


@triton.jit
def _store(out, row, column, x):  # type: ignore[no-untyped-def]
    """Write a tile, one half after the other."""
    left, right = _halves(x)
    out.store([row, column], left.to(out.dtype))
    out.store([row, column + x.shape[1] // 2], right.to(out.dtype))


@triton.jit
def _nothing(ROWS: tl.constexpr, COLUMNS: tl.constexpr, SWAP: tl.constexpr):  # type: ignore[no-untyped-def]
    """The sum of no products."""
    return tl.zeros((COLUMNS, ROWS) if SWAP else (ROWS, COLUMNS), tl.float32)


@triton.jit
def _add(total, rows, weights, SWAP: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add the product of rows and transposed weights; with SWAP, its transpose: the matrix units
    take 64 lines of the left side, and weights have as many where few rows are."""
    if SWAP:
        return tl.dot(weights, rows.T, total)
    else:
        return tl.dot(rows, weights.T, total)


@triton.jit(do_not_specialize=["experts"])
def _up_kernel(  # type: ignore[no-untyped-def]
    rows, gate_up, before, active, tiles, starts, experts, hidden, width, KEEP: tl.constexpr,
    BLOCK: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, GROUP: tl.constexpr,
    FLAT: tl.constexpr, SWAP: tl.constexpr,
):  # fmt: skip
    tall, across = tl.load(starts + experts) // BLOCK, hidden // COLUMNS
    for tile in tl.range(tl.program_id(0), tall * across, tl.num_programs(0), flatten=FLAT):
        row, column = _position(tile, tall, across, GROUP)
        at = tl.load(tiles + row) * 2 * hidden + column * COLUMNS
        gate, up = _nothing(BLOCK, COLUMNS, SWAP), _nothing(BLOCK, COLUMNS, SWAP)
        for term in tl.range(0, width, TERMS):
            a = rows.load([row * BLOCK, term])
            gate = _add(gate, a, gate_up.load([at, term]), SWAP)
            up = _add(up, a, gate_up.load([at + hidden, term]), SWAP)
        if SWAP:
            gate, up = gate.T, up.T
        if KEEP:
            before.store([row * BLOCK, column * COLUMNS], gate.to(before.dtype))
            before.store([row * BLOCK, hidden + column * COLUMNS], up.to(before.dtype))
        y = gate * tl.sigmoid(gate) * up
        active.store([row * BLOCK, column * COLUMNS], y.to(active.dtype))


@triton.jit(do_not_specialize=["experts"])
def _product_kernel(  # type: ignore[no-untyped-def]
    rows, weights, out, tiles, starts, experts, columns, terms, height,
    PARTS: tl.constexpr, TRANSPOSED: tl.constexpr,
    BLOCK: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, GROUP: tl.constexpr,
    FLAT: tl.constexpr, SWAP: tl.constexpr,
):  # fmt: skip
    tall, across = tl.load(starts + experts) // BLOCK, columns // COLUMNS
    each = tall * across
    for tile in tl.range(tl.program_id(0), each * PARTS, tl.num_programs(0), flatten=FLAT):
        part = 0 if PARTS == 1 else tile // each
        row, column = _position(tile - part * each, tall, across, GROUP)
        expert = tl.load(tiles + row)
        total = _nothing(BLOCK, COLUMNS, SWAP)
        for term in tl.range(part * (terms // PARTS), (part + 1) * (terms // PARTS), TERMS):
            a = rows.load([row * BLOCK, term])
            if TRANSPOSED:
                b = weights.load([expert * terms + term, column * COLUMNS]).T
            else:
                b = weights.load([expert * columns + column * COLUMNS, term])
            total = _add(total, a, b, SWAP)
        if SWAP:
            total = total.T
        _store(out, part * height + row * BLOCK, column * COLUMNS, total)


@triton.jit
def _swiglu_backward_kernel(  # type: ignore[no-untyped-def]
    d_active, before, weights, source, tiles, d_before, d_weights, hidden,
    BLOCK: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """A row a program: fused into the product before it, this waited for what it reads."""
    row = tl.program_id(0)
    if tl.load(tiles + row // BLOCK) >= 0:
        n = tl.load(source + row)
        weight = tl.load(weights + n, mask=n >= 0, other=0.0)
        dots = tl.zeros((COLUMNS,), tl.float32)
        for first in range(0, hidden, COLUMNS):
            column = first + tl.arange(0, COLUMNS)
            inside = column < hidden
            at = row.to(tl.int64) * hidden + column
            both = row.to(tl.int64) * 2 * hidden + column
            d = tl.load(d_active + at, mask=inside, other=0.0).to(tl.float32)
            gate = tl.load(before + both, mask=inside, other=0.0).to(tl.float32)
            up = tl.load(before + both + hidden, mask=inside, other=0.0).to(tl.float32)
            sigmoid = tl.sigmoid(gate)
            silu = gate * sigmoid
            y = silu * up
            dots += d * y
            d *= weight
            d_gate = d * up * (sigmoid + silu * (1 - sigmoid))
            kind = d_before.dtype.element_ty
            tl.store(d_active + at, (y * weight).to(kind), mask=inside)
            tl.store(d_before + both, d_gate.to(kind), mask=inside)
            tl.store(d_before + both + hidden, (d * silu).to(kind), mask=inside)
        tl.store(d_weights + n, tl.sum(dots), mask=n >= 0)


@triton.jit(do_not_specialize=["tiles"])
def _sums_kernel(  # type: ignore[no-untyped-def]
    left, right, out, starts, tiles, rows, columns,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, GROUP: tl.constexpr,
    FLAT: tl.constexpr,
):  # fmt: skip
    tall, across = rows // ROWS, columns // COLUMNS
    for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0), flatten=FLAT):
        expert = tile // (tall * across)
        row, column = _position(tile % (tall * across), tall, across, GROUP)
        total = tl.zeros((ROWS, COLUMNS), tl.float32)
        for term in tl.range(tl.load(starts + expert), tl.load(starts + expert + 1), TERMS):
            a = left.load([term, row * ROWS]).T
            total = tl.dot(a, right.load([term, column * COLUMNS]), total)
        _store(out, expert * rows + row * ROWS, column * COLUMNS, total)
