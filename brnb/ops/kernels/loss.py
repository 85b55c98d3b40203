"""The loss of a head's logits as one GPU kernel, in Triton; import it where there is a GPU."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.tuned import tuning

FLAT = 4096  # numbers of a program that multiplies


def turn_into_gradient(logits: Tensor, targets: Tensor, softcap: float | None) -> Tensor:
    """Sum of the rows' losses; the logits (N, V) become its gradient, in place.

    Each logit is read from memory and written back once: what a loss and its gradient as two
    kernels read again comes from the cache.
    """
    rows, columns = logits.shape
    losses = torch.empty(rows, dtype=torch.float32, device=logits.device)
    block = min(tuning().loss_columns, triton.next_power_of_2(columns))
    _rows_to_gradients[(rows,)](
        logits, targets, losses, softcap or 1.0, softcap is not None, columns, block,
        num_warps=max(4, block // 1024),
    )  # fmt: skip
    return losses.sum()


def multiplied(part: Tensor, share: Tensor) -> Tensor:
    """part · share; PyTorch's own pass over a broadcast number takes three times as long."""
    product = torch.empty_like(part)
    _multiplied[(triton.cdiv(part.numel(), FLAT),)](part, share, product, part.numel(), FLAT)
    return product


@triton.jit
def _rows_to_gradients(  # type: ignore[no-untyped-def]
    logits, targets, losses, softcap,
    CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program a row."""
    row = tl.program_id(0).to(tl.int64)
    line, target = logits + row * COLUMNS, tl.load(targets + row)
    loss, normaliser = row_loss(line, target, softcap, CAPPED, COLUMNS, BLOCK)
    tl.store(losses + row, loss)
    for start in range(0, COLUMNS, BLOCK):
        at = start + tl.arange(0, BLOCK)
        z = capped(tl.load(line + at, mask=at < COLUMNS, other=0.0).to(tl.float32), softcap, CAPPED)
        gradient = tl.exp(z - normaliser) - tl.where(at == target, 1.0, 0.0)
        if CAPPED:
            gradient *= 1 - (z / softcap) * (z / softcap)
        tl.store(line + at, gradient.to(logits.dtype.element_ty), mask=at < COLUMNS)


@triton.jit
def row_loss(  # type: ignore[no-untyped-def]
    line, target, softcap, CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr
):
    """Loss of one row of logits, and its log-sum-exp."""
    chosen = capped(tl.load(line + target).to(tl.float32), softcap, CAPPED)
    normaliser = _normaliser(line, softcap, CAPPED, COLUMNS, BLOCK)
    return normaliser - chosen, normaliser


@triton.jit
def _normaliser(  # type: ignore[no-untyped-def]
    line, softcap, CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr
):
    """Log of the sum of a row's exponentials, as it goes (Milakov & Gimelshein, 2018)."""
    largest, total = float("-inf"), 0.0
    for start in range(0, COLUMNS, BLOCK):
        at = start + tl.arange(0, BLOCK)
        z = capped(tl.load(line + at, mask=at < COLUMNS, other=0.0).to(tl.float32), softcap, CAPPED)
        z = tl.where(at < COLUMNS, z, float("-inf"))
        larger = tl.maximum(largest, tl.max(z))
        total = total * tl.exp(largest - larger) + tl.sum(tl.exp(z - larger))
        largest = larger
    return largest + tl.log(total)


@triton.jit
def capped(z, softcap, CAPPED: tl.constexpr):  # type: ignore[no-untyped-def]
    if CAPPED:
        z = softcap * (2 * tl.sigmoid(2 * z / softcap) - 1)  # Triton has no tanh of its own
    return z


@triton.jit
def _multiplied(part, share, product, total, FLAT: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.program_id(0).to(tl.int64) * FLAT + tl.arange(0, FLAT)
    x = tl.load(part + at, mask=at < total).to(tl.float32) * tl.load(share)
    tl.store(product + at, x.to(product.dtype.element_ty), mask=at < total)
