"""The passes between products in 8 bits, as GPU kernels in Triton; import it where there is a GPU.

Each reads its input once. To transpose a matrix, bytes of four rows are packed into words first: a
word moves between threads as fast as a byte. Rows and columns are multiples of 32, so that a tile
always fits.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.tuned import tuning

ROWS, COLUMNS = (256, 128, 64, 32), (64, 32)  # of a tile: the first that fits


def with_transpose(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.fp8`; rows of x may lie apart."""
    if x.stride(1) != 1:
        x = x.contiguous()
    rows, columns = x.shape
    small = torch.empty(rows, columns, dtype=dtype, device=x.device)
    transposed = torch.empty(columns, rows, dtype=dtype, device=x.device)
    grid, tile = transpose_grid(rows, columns, tuning().transpose_tile)
    _with_transpose[grid](
        x, small, transposed.view(torch.int32), scale, x.stride(0), columns, rows // 4, *tile
    )
    require_transposed("with_transpose", small, transposed)
    return small, transposed


def transposed(x: Tensor) -> Tensor:
    """See `brnb.ops.fp8`."""
    rows, columns = x.shape
    target = torch.empty(columns, rows, dtype=x.dtype, device=x.device)
    grid, tile = transpose_grid(rows, columns, tuning().transpose_tile)
    _transposed[grid](x.view(torch.uint8), target.view(torch.int32), columns, rows // 4, *tile)
    return target


_checked = set[str]()  # kernels whose first result was right


def require_transposed(kernel: str, small: Tensor, transposed: Tensor) -> None:
    """Look at a kernel's first result: some compilers (a ptxas that came with Triton 3.6) pack the
    bytes of a matrix wrongly, where the one that torch.compile sets up does not.

    Raises
    ------
    RuntimeError
        If `transposed` is not the transpose of `small`.
    """
    if kernel in _checked or torch.cuda.is_current_stream_capturing():
        return
    if not torch.equal(small.view(torch.uint8).t(), transposed.view(torch.uint8)):
        raise RuntimeError(
            f"this machine's compiler of GPU kernels breaks {kernel}: set TRITON_PTXAS_PATH to the "
            'ptxas of a newer CUDA, or take precision = "bf16"'
        )
    _checked.add(kernel)


def transpose_grid(
    rows: int, columns: int, largest: tuple[int, int]
) -> tuple[tuple[int, ...], list[int]]:
    """Grid of programs, and of each the groups of four rows and the columns."""
    height = next(size for size in ROWS if size <= largest[0] and rows % size == 0)
    width = next(size for size in COLUMNS if size <= largest[1] and columns % size == 0)
    return (columns // width, rows // height), [height // 4, width]


@triton.jit
def _with_transpose(  # type: ignore[no-untyped-def]
    x,
    small,
    transposed,
    scale,
    stride,
    columns,
    groups,
    GROUPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    group, column = tile(GROUPS, COLUMNS)
    factor = tl.load(scale)
    rows8 = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        row = group * 4 + i
        y = tl.load(x + row * stride + column).to(tl.float32) * factor
        rows8 += (to_fp8(y, small.dtype.element_ty),)
        tl.store(small + row * columns + column, rows8[i])
    tl.store(transposed + column * groups + group, words(*rows8))


@triton.jit
def _transposed(  # type: ignore[no-untyped-def]
    x, transposed, columns, groups, GROUPS: tl.constexpr, COLUMNS: tl.constexpr
):
    group, column = tile(GROUPS, COLUMNS)
    rows8 = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        rows8 += (tl.load(x + (group * 4 + i) * columns + column),)
    tl.store(transposed + column * groups + group, words(*rows8))


@triton.jit
def tile(GROUPS: tl.constexpr, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Groups of four rows, and columns, of this program."""
    group = (tl.program_id(1) * GROUPS + tl.arange(0, GROUPS)).to(tl.int64)[:, None]
    return group, (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)).to(tl.int64)[None, :]


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
TRANSPOSE = tl.constexpr("""{
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
def to_fp8(x, dtype: tl.constexpr):  # type: ignore[no-untyped-def]
    """fp32 in 8 bits, cut to the largest number that these hold."""
    zero = tl.zeros(x.shape, tl.int32) + tl.program_id(2)
    code8 = tl.inline_asm_elementwise(
        TO_E5M2 if dtype == tl.float8e5 else TO_E4M3, "=r,f,f,f,f,r,r,r,r", [x, zero],
        dtype=tl.uint8, is_pure=True, pack=4,
    )  # fmt: skip
    return code8.to(dtype, bitcast=True)


@triton.jit
def words(a, b, c, d):  # type: ignore[no-untyped-def]
    """Bytes of four rows, as words that have one of each."""
    a, b = a.to(tl.uint8, bitcast=True), b.to(tl.uint8, bitcast=True)
    c, d = c.to(tl.uint8, bitcast=True), d.to(tl.uint8, bitcast=True)
    return tl.inline_asm_elementwise(
        TRANSPOSE, "=&r,=&r,=&r,=&r,r,r,r,r", [a, b, c, d], dtype=tl.int32, is_pure=True, pack=4
    )
