"""`brnb.ops.sorting` as GPU kernels in Triton, and the copies into such rows and back; import it
where there is a GPU.

A counting sort: each program counts a block of rows by expert, and once all counts are added up,
ranks them. So an expert's rows keep the order of tokens, and every run has the same bits.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.sorting import Layout, most_tiles

COUNTED = 128  # rows that a program ranks
AT_A_TIME = 16  # tiles whose expert it looks up
ROWS, COLUMNS = 8, 512  # of a copy


def laid_out(chosen: Tensor, experts: int, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `brnb.ops.sorting`."""
    of_row = chosen.flatten().contiguous()
    count, programs = len(of_row), triton.cdiv(len(of_row), COUNTED)
    tiles, lanes = most_tiles(count, experts, block), max(16, triton.next_power_of_2(experts))

    def integers(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=torch.int32, device=chosen.device)

    counts, source, row_of = integers(experts, programs), integers(tiles * block), integers(count)
    starts, of_tile = integers(experts + 1), integers(tiles)
    source.fill_(-1)
    upto = counts
    if programs > 1:  # else the only one counts for itself
        _count[(programs,)](of_row, counts, count, programs, experts, lanes, COUNTED)
        upto = counts.cumsum(1, dtype=torch.int32)
    looked = triton.cdiv(triton.cdiv(tiles, programs), AT_A_TIME) * AT_A_TIME
    _place[(programs,)](
        of_row, counts, upto, source, row_of, starts, of_tile, count, programs, experts, tiles,
        looked, block, lanes, COUNTED, AT_A_TIME, programs == 1,
    )  # fmt: skip
    return source, row_of, starts, of_tile


def gather(x: Tensor, layout: Layout, top_k: int) -> Tensor:
    """Rows of tokens x (T, width), zeros in the padding; what no tile has stays as it is."""
    rows, width = len(layout.source), x.shape[1]
    out = x.new_empty(rows, width)
    grid = rows // ROWS, triton.cdiv(width, COLUMNS)
    _gather[grid](
        x, out, layout.source, layout.tiles, width, top_k, layout.block, ROWS, COLUMNS, num_warps=4
    )
    return out


def combine(rows: Tensor, layout: Layout, weights: Tensor | None, top_k: int) -> Tensor:
    """The sum of each token's rows, times their weights (T, k): (T, width). Rows may be the sum of
    matrices above each other."""
    tokens, width = len(layout.row_of) // top_k, rows.shape[1]
    height = len(layout.source)
    out = rows.new_empty(tokens, width)
    grid = triton.cdiv(tokens, ROWS), triton.cdiv(width, COLUMNS)
    _combine[grid](
        rows, out, layout.row_of, rows if weights is None else weights, tokens, width, height,
        len(rows) // height, top_k, weights is not None, ROWS, COLUMNS, num_warps=4,
    )  # fmt: skip
    return out


@triton.jit
def _chosen(of_row, first, count, LANES: tl.constexpr, COUNTED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Whether each of COUNTED rows, from `first` on, goes to each expert."""
    n = first + tl.arange(0, COUNTED)
    expert = tl.load(of_row + n, mask=n < count, other=-1).to(tl.int32)
    return n, (expert[:, None] == tl.arange(0, LANES)[None, :]).to(tl.int32)


@triton.jit
def _count(  # type: ignore[no-untyped-def]
    of_row, counts, count, programs, experts, LANES: tl.constexpr, COUNTED: tl.constexpr
):
    """How many of a block of rows go to each expert."""
    _, goes = _chosen(of_row, tl.program_id(0) * COUNTED, count, LANES, COUNTED)
    expert = tl.arange(0, LANES)
    tl.store(counts + expert * programs + tl.program_id(0), tl.sum(goes, 0), mask=expert < experts)


@triton.jit
def _place(  # type: ignore[no-untyped-def]
    of_row, counts, upto, source, row_of, starts, of_tile, count, programs, experts, tiles, looked,
    BLOCK: tl.constexpr, LANES: tl.constexpr, COUNTED: tl.constexpr, AT_A_TIME: tl.constexpr,
    ALONE: tl.constexpr,
):  # fmt: skip
    """Where a block's rows stand, and what the next tiles hold, as many as are to be looked up."""
    program, expert = tl.program_id(0), tl.arange(0, LANES)
    known = expert < experts
    n, goes = _chosen(of_row, program * COUNTED, count, LANES, COUNTED)
    if ALONE:
        total = tl.sum(goes, 0)
        earlier = tl.zeros((LANES,), tl.int32)
    else:
        here = expert * programs + program
        total = tl.load(upto + expert * programs + programs - 1, mask=known, other=0)
        earlier = tl.load(upto + here, mask=known, other=0)
        earlier -= tl.load(counts + here, mask=known, other=0)
    padded = (total + BLOCK - 1) // BLOCK * BLOCK
    end = tl.cumsum(padded, 0)
    rank = tl.cumsum(goes, 0) - 1
    row = tl.sum(goes * (rank + (end - padded + earlier)[None, :]), 1)
    tl.store(row_of + n, row, mask=n < count)
    tl.store(source + row, n, mask=n < count)
    for first in range(program * looked, (program + 1) * looked, AT_A_TIME):
        tile = first + tl.arange(0, AT_A_TIME)
        of = tl.sum(((end[None, :] <= (tile * BLOCK)[:, None]) & known[None, :]).to(tl.int32), 1)
        tl.store(of_tile + tile, tl.where(of < experts, of, -1), mask=tile < tiles)
    if program == 0:
        tl.store(starts + expert, end - padded, mask=known)
        tl.store(starts + experts, tl.sum(padded, 0))


@triton.jit
def _gather(  # type: ignore[no-untyped-def]
    x, out, source, tiles, width, top_k,
    BLOCK: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    first = tl.program_id(0) * ROWS
    if tl.load(tiles + first // BLOCK) >= 0:
        row = first + tl.arange(0, ROWS)
        column = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
        n = tl.load(source + row)
        token = tl.maximum(n, 0) // top_k
        inside = column < width
        full = inside & (n >= 0)[:, None]
        part = tl.load(x + token.to(tl.int64)[:, None] * width + column, mask=full, other=0.0)
        tl.store(out + row.to(tl.int64)[:, None] * width + column, part, mask=inside)


@triton.jit
def _combine(  # type: ignore[no-untyped-def]
    rows, out, row_of, weights, tokens, width, height, PARTS: tl.constexpr, TOP_K: tl.constexpr,
    WEIGHTED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = (tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    there = token < tokens
    inside = there[:, None] & (column < width)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for choice in tl.static_range(TOP_K):
        row = tl.load(row_of + token * TOP_K + choice, mask=there, other=0).to(tl.int64)
        of_row = tl.zeros((ROWS, COLUMNS), tl.float32)
        for part in tl.static_range(PARTS):
            at = (row + part * height)[:, None] * width + column
            of_row += tl.load(rows + at, mask=inside, other=0.0).to(tl.float32)
        if WEIGHTED:
            of_row *= tl.load(weights + token * TOP_K + choice, mask=there, other=0.0)[:, None]
        total += of_row
    to = out + token.to(tl.int64)[:, None] * width + column
    tl.store(to, total.to(out.dtype.element_ty), mask=inside)
