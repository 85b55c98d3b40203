"""The loss of a head's logits as one GPU kernel, in Triton; import it where there is a GPU."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.transposing import must_be_turned, rounded, tile, tiles, words

WIDEST = 8192  # logits that one program holds in registers at a time, as measured on an H200
TILE = (256, 32)  # the largest worth it, as measured on an H200
FLAT = 4096


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
    block = min(WIDEST, triton.next_power_of_2(columns))
    capped = softcap is not None
    _rows_to_losses[(rows,)](
        logits, targets, losses, normalisers, softcap or 1.0, capped, columns, block,
        num_warps=4,
    )  # fmt: skip
    grid, sizes = tiles(rows, columns, TILE)
    _tiles_to_gradients[grid](
        logits, targets, normalisers, g8, g8t.view(torch.int32), softcap or 1.0, scale,
        columns, g8t.stride(0) // 4, capped, *sizes,
    )  # fmt: skip
    must_be_turned("gradients_in_8_bits", g8, g8t)
    return losses.sum()


def multiplied(part: Tensor, share: Tensor) -> Tensor:
    """part · share; PyTorch's own pass over a broadcast number takes three times as long."""
    found = torch.empty_like(part)
    _multiplied[(triton.cdiv(part.numel(), FLAT),)](part, share, found, part.numel(), FLAT)
    return found


@triton.jit
def _rows_to_losses(  # type: ignore[no-untyped-def]
    logits, targets, losses, normalisers, softcap,
    CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program a row."""
    row = tl.program_id(0).to(tl.int64)
    line, target = logits + row * COLUMNS, tl.load(targets + row)
    loss, normaliser = _loss(line, target, softcap, CAPPED, COLUMNS, BLOCK)
    tl.store(losses + row, loss)
    tl.store(normalisers + row, normaliser)


@triton.jit
def _tiles_to_gradients(  # type: ignore[no-untyped-def]
    logits, targets, normalisers, gradients, turned, softcap, scale, columns, fours,
    CAPPED: tl.constexpr, FOURS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """One program a tile, which it writes as it is and, in words of four rows, turned."""
    four, column = tile(FOURS, COLUMNS)
    found = ()  # type: tuple[tl.tensor, ...]
    for i in tl.static_range(4):
        row = four * 4 + i
        z = _capped(tl.load(logits + row * columns + column).to(tl.float32), softcap, CAPPED)
        gradient = tl.exp(z - tl.load(normalisers + row))
        gradient -= tl.where(column == tl.load(targets + row), 1.0, 0.0)
        if CAPPED:
            gradient *= 1 - (z / softcap) * (z / softcap)
        found += (rounded(gradient * scale, gradients.dtype.element_ty),)
        tl.store(gradients + row * columns + column, found[i])
    tl.store(turned + column * fours + four, words(*found))


@triton.jit
def _rows_to_gradients(  # type: ignore[no-untyped-def]
    logits, targets, losses, softcap,
    CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program a row."""
    row = tl.program_id(0).to(tl.int64)
    line, target = logits + row * COLUMNS, tl.load(targets + row)
    loss, normaliser = _loss(line, target, softcap, CAPPED, COLUMNS, BLOCK)
    tl.store(losses + row, loss)
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
def _loss(  # type: ignore[no-untyped-def]
    line, target, softcap, CAPPED: tl.constexpr, COLUMNS: tl.constexpr, BLOCK: tl.constexpr
):
    """Of a row, and its normaliser."""
    chosen = _capped(tl.load(line + target).to(tl.float32), softcap, CAPPED)
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
        z = _capped(
            tl.load(line + at, mask=at < COLUMNS, other=0.0).to(tl.float32), softcap, CAPPED
        )
        z = tl.where(at < COLUMNS, z, float("-inf"))
        larger = tl.maximum(largest, tl.max(z))
        total = total * tl.exp(largest - larger) + tl.sum(tl.exp(z - larger))
        largest = larger
    return largest + tl.log(total)


@triton.jit
def _capped(z, softcap, CAPPED: tl.constexpr):  # type: ignore[no-untyped-def]
    if CAPPED:
        z = softcap * (2 * tl.sigmoid(2 * z / softcap) - 1)  # Triton has no tanh of its own
    return z


@triton.jit
def _multiplied(part, share, found, total, FLAT: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.program_id(0).to(tl.int64) * FLAT + tl.arange(0, FLAT)
    x = tl.load(part + at, mask=at < total).to(tl.float32) * tl.load(share)
    tl.store(found + at, x.to(found.dtype.element_ty), mask=at < total)
