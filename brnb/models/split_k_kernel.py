"""Products in 8 bits that sum over many tokens, as a GPU kernel in Triton (split-K); import it
where there is a GPU.

A gradient of a small weight has fewer tiles than a GPU has multiprocessors, each with a long sum.
Here a program makes a part of a tile's sum. The matrix units keep 14 bits of what they add up: of
16,384 terms, added 32 at a time, at most 3% is lost to that, and rounding them lost up to 12%.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

ROWS, COLUMNS, TERMS = 128, 256, 128  # of a tile, and at a time, as measured on an H200
MOST, FEWEST = 2**14, 4  # terms of a part; parts worth it
HOPPER = 9  # for tensor descriptors, and 132 multiprocessors


def times_back(a: Tensor, b: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """See `brnb.models.fp8`."""
    (rows, terms), columns = a.shape, len(b)
    parts = parts_of(rows, columns, terms)
    if parts < FEWEST or torch.cuda.get_device_capability(a.device)[0] != HOPPER:
        one = torch.ones((), device=a.device)
        return torch._scaled_mm(a, b.t(), factor, one, out_dtype=dtype)
    found = torch.empty(parts, rows, columns, dtype=torch.float32, device=a.device)
    _summed[(rows // ROWS * (columns // COLUMNS), parts)](
        TensorDescriptor.from_tensor(a, [ROWS, TERMS]),
        TensorDescriptor.from_tensor(b, [COLUMNS, TERMS]),
        found, factor, rows, columns, terms // parts, ROWS, COLUMNS, TERMS,
        num_warps=8, num_stages=4,
    )  # fmt: skip
    return found.sum(0).to(dtype)


def parts_of(rows: int, columns: int, terms: int, multiprocessors: int = 132) -> int:
    """Of every sum, so that all tiles' programs run at a time; 1 if sizes do not fit the kernel."""
    if rows % ROWS or columns % COLUMNS:
        return 1
    parts, tiles = 1, rows // ROWS * (columns // COLUMNS)
    while 2 * parts * tiles <= multiprocessors:
        parts *= 2
    return parts if terms % (parts * TERMS) == 0 and terms <= parts * MOST else 1


@triton.jit
def _summed(  # type: ignore[no-untyped-def]
    a, b, found, factor, rows, columns, terms,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr,
):  # fmt: skip
    """A tile and a part a program; first all tiles of one part, which read the same."""
    tile, part, across = tl.program_id(0), tl.program_id(1), columns // COLUMNS
    row, column = tile // across * ROWS, tile % across * COLUMNS
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for term in range(part * terms, (part + 1) * terms, TERMS):
        total = tl.dot(a.load([row, term]), b.load([column, term]).T, total)
    line = part.to(tl.int64) * rows + row + tl.arange(0, ROWS)
    to = found + line[:, None] * columns + column + tl.arange(0, COLUMNS)[None, :]
    tl.store(to, total * tl.load(factor))
