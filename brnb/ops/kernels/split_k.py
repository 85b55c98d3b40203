"""Products in 8 bits that sum over many tokens, as a GPU kernel in Triton; import it where there
is a GPU. See `brnb.ops.split_k`.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from brnb.ops.kernels.tuned import tuning
from brnb.ops.split_k import split_count

HOPPER = 9  # whose multiprocessors, and tensor descriptors, these are


def matmul_fp32(a: Tensor, b: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """See `brnb.ops.fp8`."""
    (rows, terms), columns = a.shape, len(b)
    count = split_count(rows, columns, terms)
    if count == 1 or torch.cuda.get_device_capability(a.device)[0] != HOPPER:
        one = torch.ones((), device=a.device)
        return torch._scaled_mm(a, b.t(), factor, one, out_dtype=dtype)
    tile = tile_rows, tile_columns, at_a_time = tuning().sum_tile
    sums = torch.empty(count, rows, columns, dtype=torch.float32, device=a.device)
    _summed[(rows // tile_rows * (columns // tile_columns), count)](
        TensorDescriptor.from_tensor(a, [tile_rows, at_a_time]),
        TensorDescriptor.from_tensor(b, [tile_columns, at_a_time]),
        sums, factor, rows, columns, terms // count, *tile,
        num_warps=8, num_stages=4,
    )  # fmt: skip
    return sums.sum(0).to(dtype)


@triton.jit
def _summed(  # type: ignore[no-untyped-def]
    a, b, sums, factor, rows, columns, terms,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TERMS: tl.constexpr,
):  # fmt: skip
    """A tile and a part a program; first all tiles of one part, which read the same."""
    tile, part, across = tl.program_id(0), tl.program_id(1), columns // COLUMNS
    row, column = tile // across * ROWS, tile % across * COLUMNS
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for term in range(part * terms, (part + 1) * terms, TERMS):
        total = tl.dot(a.load([row, term]), b.load([column, term]).T, total)
    line = part.to(tl.int64) * rows + row + tl.arange(0, ROWS)
    to = sums + line[:, None] * columns + column + tl.arange(0, COLUMNS)[None, :]
    tl.store(to, total * tl.load(factor))
