"""Uniform levels for a matrix: fitted to it, rounded to, and packed into bytes."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Grid:
    """Levels scale·(q - zero), q = 0 … 2^bits - 1, that groups of weights share (cf. Eq. B.145).

    Attributes
    ----------
    scale, zero
        One for each group, of shape (rows, groups of a row); (1, 1) for the whole matrix. The zero
        is a code, so that the weight zero is exact.
    bits
        Of a code.
    """

    scale: Tensor
    zero: Tensor
    bits: int

    def codes(self, weight: Tensor) -> Tensor:
        """Nearest codes of a matrix (N, K), uint8 of the same shape."""
        grouped = self._grouped(weight)
        rounded = torch.round(grouped / self.scale[..., None].to(weight)) + self.zero[..., None]
        return rounded.clamp(0, 2**self.bits - 1).to(torch.uint8).reshape(weight.shape)

    def restore(self, codes: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The matrix (N, K) that codes stand for."""
        grouped = self._grouped(codes).to(dtype)
        values = (grouped - self.zero[..., None].to(dtype)) * self.scale[..., None].to(dtype)
        return values.reshape(codes.shape)

    def _grouped(self, matrix: Tensor) -> Tensor:
        rows, groups = self.scale.shape
        return matrix.reshape(rows, groups, -1)


def symmetric_grid(weight: Tensor, bits: int, per_row: bool) -> Grid:
    """Levels from -max to max of every row, or of the whole matrix (cf. Eq. B.127).

    Zero is the middle code, and the lowest code is never used.
    """
    whole = weight.float() if per_row else weight.float().reshape(1, -1)
    top = 2 ** (bits - 1) - 1
    scale = (whole.abs().amax(1, keepdim=True) / top).clamp_min(torch.finfo(torch.float32).tiny)
    return Grid(scale, torch.full_like(scale, top + 1), bits)


def affine_grid(weight: Tensor, bits: int, group: int) -> Grid:
    """Levels from least to largest of every `group` columns, zero among them (B.142, B.143).

    The scales are rounded to fp16 before anything is rounded to them, as they are kept.

    Raises
    ------
    ValueError
        If the groups do not fill a row.
    """
    require_divisor(group, weight.shape[1])
    grouped = weight.float().reshape(len(weight), -1, group)
    low, high = grouped.amin(-1).clamp(max=0), grouped.amax(-1).clamp(min=0)
    step = (high - low) / (2**bits - 1)
    scale = step.half().clamp_min(torch.finfo(torch.float16).tiny).float()
    zero = torch.round(-low / scale).clamp(0, 2**bits - 1)
    return Grid(scale, zero, bits)


def require_divisor(group: int, columns: int) -> None:
    """Raise ValueError if groups do not fill a row."""
    if columns % group:
        raise ValueError(
            f"group = {group} does not divide a row of {columns} weights: choose a divisor"
        )


def pack_codes(codes: Tensor, bits: int) -> Tensor:
    """Codes below 2^bits as bytes without gaps, the first in the lowest bits; uint8, 1-dim."""
    flat = codes.flatten()
    if bits == 8:
        return flat
    shifts = torch.arange(bits, device=flat.device)
    stream = (flat[:, None] >> shifts & 1).flatten()
    stream = torch.cat([stream, stream.new_zeros(-len(stream) % 8)]).reshape(-1, 8)
    return (stream << torch.arange(8, device=flat.device)).sum(1).to(torch.uint8)


def unpack_codes(packed: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` codes that `pack_codes` packed, uint8, 1-dim."""
    if bits == 8:
        return packed[:count]
    if 8 % bits == 0:  # whole codes in every byte
        shifts = torch.arange(0, 8, bits, device=packed.device, dtype=torch.uint8)
        return (packed[:, None] >> shifts & 2**bits - 1).flatten()[:count]
    shifts = torch.arange(8, device=packed.device, dtype=torch.uint8)
    stream = (packed[:, None] >> shifts & 1).flatten()[: count * bits].reshape(count, bits)
    return (stream << torch.arange(bits, device=packed.device)).sum(1).to(torch.uint8)
