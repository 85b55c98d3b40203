"""The loss of a head's logits and its gradient in 8 bits, as GPU kernels in Triton; import it where
there is a GPU.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.loss import capped, row_loss
from brnb.ops.kernels.transposing import require_transposed, tile, to_fp8, transpose_grid, words
from brnb.ops.kernels.tuned import tuning


def gradients_in_8_bits(
    logits: Tensor, targets: Tensor, softcap: float | None, scale: float, g8: Tensor, g8t: Tensor
) -> Tensor:
    """Sum of the rows' losses, of logits (N, V).

    Parameters
    ----------
    g8, g8t
        For the gradient of the logits times `scale`, in 8 bits, and for its transpose (V, N), whose
        rows are as far apart as they like.
    """
    rows, columns = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    normalisers = torch.empty_like(losses)
    block = min(tuning().loss_columns, triton.next_power_of_2(columns))
    is_capped = softcap is not None
    _rows_to_losses[(rows,)](
        logits, targets, losses, normalisers, softcap or 1.0, is_capped, columns, block,
        num_warps=4,
    )  # fmt: skip
    grid, sizes = transpose_grid(rows, columns, tuning().loss_tile)
    _tiles_to_gradients[grid](
        logits, targets, normalisers, g8, g8t.view(torch.int32), softcap or 1.0, scale,
        columns, g8t.stride(0) // 4, is_capped, *sizes,
    )  # fmt: skip
    require_transposed("gradients_in_8_bits", g8, g8t)
    return losses.sum()


@triton.jit
def _rows_to_losses(  # type: ignore[no-untyped-def]
    logits, targets, losses, normalisers, softcap,
    CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program a row."""
    row = tl.program_id(0).to(tl.int64)
    line, target = logits + row * COLUMNS, tl.load(targets + row)
    loss, normaliser = row_loss(line, target, softcap, CAPPED, COLUMNS, BLOCK)
    tl.store(losses + row, loss)
    tl.store(normalisers + row, normaliser)


@triton.jit
def _tiles_to_gradients(  # type: ignore[no-untyped-def]
    logits, targets, normalisers, gradients, transposed, softcap, scale, columns, groups,
    CAPPED: tl.constexpr, GROUPS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """One program a tile, which it writes as it is and, in words of four rows, transposed."""
    group, column = tile(GROUPS, COLUMNS)
    rows8 = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        row = group * 4 + i
        z = capped(tl.load(logits + row * columns + column).to(tl.float32), softcap, CAPPED)
        gradient = tl.exp(z - tl.load(normalisers + row))
        gradient -= tl.where(column == tl.load(targets + row), 1.0, 0.0)
        if CAPPED:
            gradient *= 1 - (z / softcap) * (z / softcap)
        rows8 += (to_fp8(gradient * scale, gradients.dtype.element_ty),)
        tl.store(gradients + row * columns + column, rows8[i])
    tl.store(transposed + column * groups + group, words(*rows8))
