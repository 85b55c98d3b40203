"""The loss of a head's logits as one GPU kernel, in Triton; import it where there is a GPU."""

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDEST = 16_384  # logits that one program holds in registers at a time


def turn_into_gradient(logits: Tensor, targets: Tensor, softcap: float | None) -> Tensor:
    """Sum of the rows' losses; the logits (N, V) become its gradient, in place.

    Each logit is read from memory and written back once: what a loss and its gradient as two
    kernels read again comes from the cache.
    """
    rows, columns = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    block = min(WIDEST, triton.next_power_of_2(columns))
    _rows_to_gradients[(rows,)](
        logits, targets, losses, softcap or 1.0, softcap is not None, columns, block,
        num_warps=max(4, block // 1024),
    )  # fmt: skip
    return losses.sum()


@triton.jit
def _rows_to_gradients(  # type: ignore[no-untyped-def]
    logits, targets, losses, softcap,
    CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program a row: the softmax's normaliser as it goes (Milakov & Gimelshein, 2018)."""
    row = tl.program_id(0).to(tl.int64)
    line = logits + row * COLUMNS
    target = tl.load(targets + row)
    chosen = _capped(tl.load(line + target).to(tl.float32), softcap, CAPPED)
    largest, total = float("-inf"), 0.0
    for start in range(0, COLUMNS, BLOCK):
        at = start + tl.arange(0, BLOCK)
        z = _capped(
            tl.load(line + at, mask=at < COLUMNS, other=0.0).to(tl.float32), softcap, CAPPED
        )
        z = tl.where(at < COLUMNS, z, float("-inf"))
        larger = tl.maximum(largest, tl.max(z))
        total = total * tl.exp(largest - larger) + tl.sum(tl.exp(z - larger))
        largest = larger
    normaliser = largest + tl.log(total)
    tl.store(losses + row, normaliser - chosen)
    for start in range(0, COLUMNS, BLOCK):
        at = start + tl.arange(0, BLOCK)
        z = _capped(
            tl.load(line + at, mask=at < COLUMNS, other=0.0).to(tl.float32), softcap, CAPPED
        )
        gradient = tl.exp(z - normaliser) - tl.where(at == target, 1.0, 0.0)
        if CAPPED:
            gradient *= 1 - (z / softcap) * (z / softcap)
        tl.store(line + at, gradient.to(logits.dtype.element_ty), mask=at < COLUMNS)


@triton.jit
def _capped(z, softcap, CAPPED: tl.constexpr):  # type: ignore[no-untyped-def]
    if CAPPED:
        z = softcap * (2 * tl.sigmoid(2 * z / softcap) - 1)  # Triton has no tanh of its own
    return z
