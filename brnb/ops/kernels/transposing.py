"""The passes between products in 8 bits, as GPU kernels in Triton; import it where there is a GPU.

Each reads its input once. To turn a matrix, bytes of four rows are packed into words first: a
word moves between threads as fast as a byte. Rows and columns are multiples of 32, so that a tile
always fits.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS, COLUMNS = (256, 128, 64, 32), (64, 32)  # of a tile: the first that fits
PASS = (128, 64)  # the largest worth it, as measured on an H200


def both_ways(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.fp8`; rows of x may lie apart."""
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
    """See `brnb.ops.fp8`."""
    rows, columns = x.shape
    found = torch.empty(columns, rows, dtype=x.dtype, device=x.device)
    grid, tile = tiles(rows, columns, PASS)
    _turned[grid](x.view(torch.uint8), found.view(torch.int32), columns, rows // 4, *tile)
    return found


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
    found = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        row = four * 4 + i
        y = tl.load(x + row * apart + column).to(tl.float32) * factor
        found += (rounded(y, small.dtype.element_ty),)
        tl.store(small + row * columns + column, found[i])
    tl.store(turned + column * fours + four, words(*found))


@triton.jit
def _turned(  # type: ignore[no-untyped-def]
    x, turned, columns, fours, FOURS: tl.constexpr, COLUMNS: tl.constexpr
):
    four, column = tile(FOURS, COLUMNS)
    found = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        found += (tl.load(x + (four * 4 + i) * columns + column),)
    tl.store(turned + column * fours + four, words(*found))


@triton.jit
def tile(FOURS: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows in fours, and columns, of this program."""
    four = (tl.program_id(1) * FOURS + tl.arange(0, FOURS)).to(tl.int64)[:, None]
    return four, (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)[None, :]


# Rounding writes half a register. Where two packings share such halves, as those of a matrix and of
# its transpose do, ptxas of CUDA 12.8 mixes them up and that of 13.0 crashes. What was xor-ed with
# a zero that it does not know of is a word to it, and stays one.
_ROUND = """{
    .reg .b16 low, high;
    .reg .b32 word;
    cvt.rn.satfinite.FORMAT.f32 low, $2, $1;
    cvt.rn.satfinite.FORMAT.f32 high, $4, $3;
    mov.b32 word, {low, high};
    xor.b32 $0, word, $5;
}"""
TO_E4M3 = tl.constexpr(_ROUND.replace("FORMAT", "e4m3x2"))
TO_E5M2 = tl.constexpr(_ROUND.replace("FORMAT", "e5m2x2"))
TURN = tl.constexpr("""{
    .reg .b32 first, second;
    prmt.b32 first, $4, $5, 0x5140;
    prmt.b32 second, $6, $7, 0x5140;
    prmt.b32 $0, first, second, 0x5410;
    prmt.b32 $1, first, second, 0x7632;
    prmt.b32 first, $4, $5, 0x7362;
    prmt.b32 second, $6, $7, 0x7362;
    prmt.b32 $2, first, second, 0x5410;
    prmt.b32 $3, first, second, 0x7632;
}""")


@triton.jit
def rounded(x, dtype: tl.constexpr):  # type: ignore[no-untyped-def]
    """fp32 in 8 bits, cut to the largest number that these hold."""
    zero = tl.zeros(x.shape, tl.int32) + tl.program_id(2)
    found = tl.inline_asm_elementwise(
        TO_E5M2 if dtype == tl.float8e5 else TO_E4M3, "=r,f,f,f,f,r,r,r,r", [x, zero],
        dtype=tl.uint8, is_pure=True, pack=4,
    )  # fmt: skip
    return found.to(dtype, bitcast=True)


@triton.jit
def words(a, b, c, d):  # type: ignore[no-untyped-def]
    """Bytes of four rows, as words that have one of each."""
    a, b = a.to(tl.uint8, bitcast=True), b.to(tl.uint8, bitcast=True)
    c, d = c.to(tl.uint8, bitcast=True), d.to(tl.uint8, bitcast=True)
    return tl.inline_asm_elementwise(
        TURN, "=&r,=&r,=&r,=&r,r,r,r,r", [a, b, c, d], dtype=tl.int32, is_pure=True, pack=4
    )
