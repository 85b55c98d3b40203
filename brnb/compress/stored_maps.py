"""Linear maps kept in few bits: every use restores the matrix, and memory holds the codes alone."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.compress.grids import Grid, pack_codes, unpack_codes

FP8 = torch.float8_e4m3fn


class GridMap(nn.Module):
    """A linear map whose weights are codes of a `Grid`, packed without gaps.

    Parameters
    ----------
    codes
        uint8, (N, K).
    grid
        What they stand for. One zero that all groups share is a number and costs nothing; else
        scales are kept in 16 bits and zeros in 8.
    bias
        Kept as it is.
    """

    packed: Tensor
    scale: Tensor
    zero: Tensor | None
    bias: nn.Parameter | None

    def __init__(self, codes: Tensor, grid: Grid, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        self.shape, self.bits = codes.shape, grid.bits
        self.middle = 2 ** (grid.bits - 1)
        shared = bool((grid.zero == self.middle).all())
        self.register_buffer("packed", pack_codes(codes, grid.bits))
        self.register_buffer("scale", grid.scale if shared else grid.scale.half())
        self.register_buffer("zero", None if shared else grid.zero.to(torch.uint8))
        self.register_parameter("bias", bias)

    def matrix(self, dtype: torch.dtype) -> Tensor:
        """The weights (N, K) that the codes stand for."""
        codes = unpack_codes(self.packed, self.bits, self.shape.numel()).reshape(self.shape)
        zero = torch.full_like(self.scale, self.middle) if self.zero is None else self.zero
        return Grid(self.scale, zero, self.bits).restore(codes, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (…, K) to (…, N)."""
        return F.linear(x, self.matrix(x.dtype), self.bias)


class Float8Map(nn.Module):
    """A linear map in FP8 (E4M3, largest 448; Micikevicius et al., 2022), one scale a row."""

    codes: Tensor
    scale: Tensor
    bias: nn.Parameter | None

    def __init__(self, weight: Tensor, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        largest = weight.float().abs().amax(1, keepdim=True)
        scale = (largest / torch.finfo(FP8).max).clamp_min(torch.finfo(torch.float32).tiny)
        self.register_buffer("codes", (weight.float() / scale).to(FP8))
        self.register_buffer("scale", scale)
        self.register_parameter("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (…, K) to (…, N)."""
        return F.linear(x, self.codes.to(x.dtype) * self.scale.to(x.dtype), self.bias)
