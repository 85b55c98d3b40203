"""`brnb.ops.experts` as GPU kernels in Triton; import it where there is a GPU.

Five products, each of all experts in one launch: a program takes tile after tile, and a tile's rows
are of one expert. SwiGLU ends the first product, and its gradient, which also weighs what the
gradient of ``down`` sums over, the first one backward. Tiles are brought by the tensor memory
accelerator; padding is zeros, so that nothing is masked.
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
from brnb.ops.sorting import Layout


def experts(
    x: Tensor, gate_up: Tensor, down: Tensor, weights: Tensor, *rest: Any
) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.experts`."""
    *parts, keep = rest
    layout, top_k = Layout(*parts), weights.shape[1]
    before, active = _up(gather(x, layout, top_k), gate_up, layout, keep)
    results = _product(active, down, layout, transposed=False)
    return combine(results, layout, weights, top_k), before


def experts_backward(
    d: Tensor, x: Tensor, gate_up: Tensor, down: Tensor, weights: Tensor, before: Tensor,
    *parts: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """See `brnb.ops.experts`."""
    layout, top_k = Layout(*parts), weights.shape[1]
    d_rows = gather(d, layout, top_k)
    d_before, active, d_weights = _down_backward(d_rows, down, before, weights, layout)
    d_down = _sums(d_rows, active, layout)
    dx = combine(_product(d_before, gate_up, layout, transposed=True), layout, None, top_k)
    d_gate_up = _sums(d_before, gather(x, layout, top_k), layout)
    return dx, d_gate_up, d_down, d_weights


def _up(rows: Tensor, gate_up: Tensor, layout: Layout, keep: bool) -> tuple[Tensor, Tensor]:
    """Gate and up of every row, if they are to be kept, and their activation."""
    wide, width = gate_up.shape[1:]
    tile = _fitting(tuning().experts_up[layout.block], wide // 2)
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


def _product(rows: Tensor, weights: Tensor, layout: Layout, transposed: bool) -> Tensor:
    """Rows (rows, n) times the weights of their expert: (E, m, n), or transposed (E, n, m)."""
    terms, columns = weights.shape[1:] if transposed else weights.mT.shape[1:]
    tile = _fitting(tuning().experts_product[layout.block], columns)
    out = rows.new_empty(len(rows), columns)
    shape = (tile.terms, tile.columns) if transposed else (tile.columns, tile.terms)
    _run(
        _product_kernel, tile, layout, columns // tile.columns,
        _tiles(rows, layout.block, tile.terms), _tiles(weights, *shape),
        _tiles(out, layout.block, tile.columns // 2),
        layout.tiles, layout.starts, len(weights), columns, terms, transposed,
        SWAP=tile.swap,
    )  # fmt: skip
    return out


def _down_backward(
    d_rows: Tensor, down: Tensor, before: Tensor, weights: Tensor, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of gate and up (rows, 2·f), the activation times its weight, (rows, f), and the
    gradient of the weights (T, k)."""
    width, hidden = down.shape[1:]
    tile = _fitting(tuning().experts_backward[layout.block], hidden)
    across = hidden // tile.columns
    d_before, active = torch.empty_like(before), before.new_empty(len(before), hidden)
    dots = torch.empty(across, len(before), dtype=torch.float32, device=before.device)
    shape = layout.block, tile.columns // 2
    _run(
        _down_backward_kernel, tile, layout, across,
        _tiles(d_rows, layout.block, tile.terms), _tiles(down, tile.terms, tile.columns),
        _tiles(before, *shape), _tiles(d_before, *shape), _tiles(active, *shape), dots,
        weights, layout.source, layout.tiles, layout.starts, len(down), hidden, width,
        len(before),
    )  # fmt: skip
    return d_before, active, dots.sum(0)[layout.row_of].view_as(weights)


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
    rows, weights, out, tiles, starts, experts, columns, terms, TRANSPOSED: tl.constexpr,
    BLOCK: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, GROUP: tl.constexpr,
    FLAT: tl.constexpr, SWAP: tl.constexpr,
):  # fmt: skip
    tall, across = tl.load(starts + experts) // BLOCK, columns // COLUMNS
    for tile in tl.range(tl.program_id(0), tall * across, tl.num_programs(0), flatten=FLAT):
        row, column = _position(tile, tall, across, GROUP)
        expert = tl.load(tiles + row)
        total = _nothing(BLOCK, COLUMNS, SWAP)
        for term in tl.range(0, terms, TERMS):
            a = rows.load([row * BLOCK, term])
            if TRANSPOSED:
                b = weights.load([expert * terms + term, column * COLUMNS]).T
            else:
                b = weights.load([expert * columns + column * COLUMNS, term])
            total = _add(total, a, b, SWAP)
        if SWAP:
            total = total.T
        _store(out, row * BLOCK, column * COLUMNS, total)


@triton.jit(do_not_specialize=["experts"])
def _down_backward_kernel(  # type: ignore[no-untyped-def]
    d_rows, down, before, d_before, active, dots, weights, source, tiles, starts, experts,
    hidden, width, height,
    BLOCK: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr, GROUP: tl.constexpr,
    FLAT: tl.constexpr,
):  # fmt: skip
    tall, across = tl.load(starts + experts) // BLOCK, hidden // COLUMNS
    for tile in tl.range(tl.program_id(0), tall * across, tl.num_programs(0), flatten=FLAT):
        row, column = _position(tile, tall, across, GROUP)
        at = tl.load(tiles + row) * width
        d = tl.zeros((BLOCK, COLUMNS), tl.float32)
        for term in tl.range(0, width, TERMS):
            weight = down.load([at + term, column * COLUMNS])
            d = tl.dot(d_rows.load([row * BLOCK, term]), weight, d)
        line = row * BLOCK + tl.arange(0, BLOCK)
        n = tl.load(source + line)
        weight = tl.load(weights + n, mask=n >= 0, other=0.0)
        left, right = _halves(d)
        at = row * BLOCK, column * COLUMNS
        dot = _swiglu_backward(left, weight, before, d_before, active, *at, hidden)
        at = row * BLOCK, column * COLUMNS + COLUMNS // 2
        dot += _swiglu_backward(right, weight, before, d_before, active, *at, hidden)
        tl.store(dots + column.to(tl.int64) * height + line, dot)


@triton.jit
def _swiglu_backward(d, weight, before, d_before, active, row, column, hidden):  # type: ignore[no-untyped-def]
    """Write the gradient of gate and up, and the weighted activation; the gradient of the weight
    as far as these columns go."""
    gate = before.load([row, column]).to(tl.float32)
    up = before.load([row, hidden + column]).to(tl.float32)
    sigmoid = tl.sigmoid(gate)
    silu = gate * sigmoid
    y = silu * up
    dot = tl.sum(d * y, 1)
    active.store([row, column], (y * weight[:, None]).to(active.dtype))
    d *= weight[:, None]
    d_gate = d * up * (sigmoid + silu * (1 - sigmoid))
    d_before.store([row, column], d_gate.to(d_before.dtype))
    d_before.store([row, hidden + column], (d * silu).to(d_before.dtype))
    return dot


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
