"""The passes between products in 8 bits, as GPU kernels in Triton; import it where there is a GPU.

Each reads its input once. To turn a matrix, bytes of four rows are packed into words first: a
word moves between threads as fast as a byte. Rows are a multiple of 128 and columns of 32, so that
a tile always fits.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.models.activation import CUBE, SQUEEZE

ROWS, COLUMNS = (256, 128), (64, 32)  # of a tile: the first that fits
PASS, BACK = (128, 64), (128, 32)  # the largest worth it, as measured on an H200
FLAT = 4096
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
INPUTS = 4.0


def both_ways(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """See `brnb.models.fp8`; rows of x may lie apart."""
    if x.stride(1) != 1:
        x = x.contiguous()
    rows, columns = x.shape
    small = torch.empty(rows, columns, dtype=dtype, device=x.device)
    turned = torch.empty(columns, rows, dtype=dtype, device=x.device)
    grid, tile = tiles(rows, columns, PASS)
    _both_ways[grid](
        x, small, turned.view(torch.int32), scale, x.stride(0), columns, rows // 4, *tile
    )
    must_be_turned("both_ways", small, turned)
    return small, turned


def turned(x: Tensor) -> Tensor:
    """See `brnb.models.fp8`."""
    rows, columns = x.shape
    found = torch.empty(columns, rows, dtype=x.dtype, device=x.device)
    grid, tile = tiles(rows, columns, PASS)
    _turned[grid](x.view(torch.uint8), found.view(torch.int32), columns, rows // 4, *tile)
    return found


def activated(before: Tensor, kind: str) -> Tensor:
    """See `brnb.models.fp8`."""
    rows, wide = before.shape
    columns = wide // 2 if kind == "swiglu" else wide
    small = torch.empty(rows, columns, dtype=E4M3, device=before.device)
    _activated[(triton.cdiv(rows * columns, FLAT),)](
        before, small, INPUTS, rows * columns, columns, kind, SQUEEZE, CUBE, FLAT, num_warps=8
    )
    return small


def activated_back(
    d: Tensor, before: Tensor, scale: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """See `brnb.models.fp8`."""
    (rows, wide), columns = before.shape, d.shape[1]
    small = torch.empty(rows, wide, dtype=E5M2, device=d.device)
    turned = torch.empty(wide, rows, dtype=E5M2, device=d.device)
    active = torch.empty(columns, rows, dtype=E4M3, device=d.device)
    grid, tile = tiles(rows, columns, BACK)
    _activated_back[grid](
        d, before, small, turned.view(torch.int32), active.view(torch.int32), scale, INPUTS,
        columns, wide, rows // 4, kind, SQUEEZE, CUBE, *tile,
    )  # fmt: skip
    must_be_turned("activated_back", small, turned)
    return small, turned, active


_seen = set[str]()  # kernels whose first result was right


def must_be_turned(kernel: str, small: Tensor, turned: Tensor) -> None:
    """Look at a kernel's first result: some compilers (a ptxas that came with Triton 3.6) pack the
    bytes of a matrix wrongly, where the one that torch.compile sets up does not.

    Raises
    ------
    RuntimeError
        If `turned` is not the transpose of `small`.
    """
    if kernel in _seen or torch.cuda.is_current_stream_capturing():
        return
    if not torch.equal(small.view(torch.uint8).t(), turned.view(torch.uint8)):
        raise RuntimeError(
            f"this machine's compiler of GPU kernels breaks {kernel}: set TRITON_PTXAS_PATH to the "
            'ptxas of a newer CUDA, or take precision = "bf16"'
        )
    _seen.add(kernel)


def tiles(rows: int, columns: int, largest: tuple[int, int]) -> tuple[tuple[int, ...], list[int]]:
    """Grid of programs, and of each the rows in fours and the columns."""
    height = next(size for size in ROWS if size <= largest[0] and rows % size == 0)
    width = next(size for size in COLUMNS if size <= largest[1] and columns % size == 0)
    return (columns // width, rows // height), [height // 4, width]


@triton.jit
def _both_ways(  # type: ignore[no-untyped-def]
    x, small, turned, scale, apart, columns, fours, FOURS: tl.constexpr, COLUMNS: tl.constexpr
):
    four, column = tile(FOURS, COLUMNS)
    factor = tl.load(scale)
    words = tl.zeros((FOURS, COLUMNS), tl.int32)
    for i in tl.static_range(4):
        row = four * 4 + i
        found = tl.load(x + row * apart + column).to(tl.float32) * factor
        found = found.to(small.dtype.element_ty)
        tl.store(small + row * columns + column, found)
        words |= byte(found, i)
    tl.store(turned + column * fours + four, words)


@triton.jit
def _turned(  # type: ignore[no-untyped-def]
    x, turned, columns, fours, FOURS: tl.constexpr, COLUMNS: tl.constexpr
):
    four, column = tile(FOURS, COLUMNS)
    words = tl.zeros((FOURS, COLUMNS), tl.int32)
    for i in tl.static_range(4):
        words |= byte(tl.load(x + (four * 4 + i) * columns + column), i)
    tl.store(turned + column * fours + four, words)


@triton.jit
def _activated(  # type: ignore[no-untyped-def]
    before, small, factor, total, columns, KIND: tl.constexpr,
    SQUEEZE: tl.constexpr, CUBE: tl.constexpr, FLAT: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * FLAT + tl.arange(0, FLAT)
    inside = at < total
    if KIND == "swiglu":
        gate = at // columns * 2 * columns + at % columns
        x = tl.load(before + gate, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(before + gate + columns, mask=inside, other=0.0).to(tl.float32)
        a = x * tl.sigmoid(x) * up
    else:
        x = tl.load(before + at, mask=inside, other=0.0).to(tl.float32)
        if KIND == "relu2":
            a = tl.maximum(x, 0.0) * tl.maximum(x, 0.0)
        else:
            a = x * tl.sigmoid(SQUEEZE * x * (1 + CUBE * x * x))
    tl.store(small + at, (a * factor).to(small.dtype.element_ty), mask=inside)


@triton.jit
def _activated_back(  # type: ignore[no-untyped-def]
    d, before, small, turned, active, scale, input_factor, columns, wide, fours,
    KIND: tl.constexpr, SQUEEZE: tl.constexpr, CUBE: tl.constexpr,
    FOURS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    four, column = tile(FOURS, COLUMNS)
    factor = tl.load(scale)
    words = tl.zeros((FOURS, COLUMNS), tl.int32)
    seconds = tl.zeros((FOURS, COLUMNS), tl.int32)
    actives = tl.zeros((FOURS, COLUMNS), tl.int32)
    for i in tl.static_range(4):
        row = four * 4 + i
        at = row * wide + column
        dy = tl.load(d + row * columns + column).to(tl.float32) * factor
        x = tl.load(before + at).to(tl.float32)
        if KIND == "swiglu":
            up = tl.load(before + at + columns).to(tl.float32)
            s = tl.sigmoid(x)
            a = x * s * up
            dx = dy * up * s * (1 + x * (1 - s))
            second = (dy * x * s).to(small.dtype.element_ty)
            tl.store(small + at + columns, second)
            seconds |= byte(second, i)
        elif KIND == "relu2":
            a = tl.maximum(x, 0.0) * tl.maximum(x, 0.0)
            dx = 2 * dy * tl.maximum(x, 0.0)
        else:
            s = tl.sigmoid(SQUEEZE * x * (1 + CUBE * x * x))
            a = x * s
            dx = dy * s * (1 + x * (1 - s) * SQUEEZE * (1 + 3 * CUBE * x * x))
        found = dx.to(small.dtype.element_ty)
        tl.store(small + at, found)
        words |= byte(found, i)
        actives |= byte((a * input_factor).to(tl.float8e4nv), i)
    tl.store(turned + column * fours + four, words)
    tl.store(active + column * fours + four, actives)
    if KIND == "swiglu":
        tl.store(turned + (column + columns) * fours + four, seconds)


@triton.jit
def tile(FOURS: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows in fours, and columns, of this program."""
    four = (tl.program_id(1) * FOURS + tl.arange(0, FOURS)).to(tl.int64)[:, None]
    return four, (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)[None, :]


@triton.jit
def byte(x, place: tl.constexpr):  # type: ignore[no-untyped-def]
    """An 8-bit value at its place in a word."""
    return x.to(tl.uint8, bitcast=True).to(tl.int32) << (8 * place)
