"""Norms of a Transformer, and where they stand: in the stream, in a branch, on queries and keys."""

import torch.nn.functional as F
from torch import Tensor, nn

from brnb.models.choices import Choices


def stream_norm(c: Choices) -> nn.Module:
    """The norm of vectors as wide as the stream, LayerNorm or RMSNorm."""
    if c.norm == "rmsnorm":
        return nn.RMSNorm(c.width, eps=c.norm_eps)
    return nn.LayerNorm(c.width, eps=c.norm_eps, bias=c.bias)


def branch_norm(c: Choices) -> nn.Module:
    """The norm of what a branch reads, if its place is there."""
    return stream_norm(c) if c.norm_place in ("pre", "sandwich") else nn.Identity()


def head_norm(c: Choices) -> nn.Module:
    """The norm of what the head reads, which after a post-norm is normed."""
    return nn.Identity() if c.norm_place == "post" else stream_norm(c)


class Residual(nn.Module):
    """The stream x with what a branch adds, y: x + y, x + norm(y), or, post-norm, norm(x + y)."""

    def __init__(self, c: Choices) -> None:
        super().__init__()
        self.after = c.norm_place == "post"
        self.norm = None if c.norm_place == "pre" else stream_norm(c)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Shape (B, T, width), as both have."""
        if self.norm is None:
            return x + y
        summed: Tensor = self.norm(x + y) if self.after else x + self.norm(y)
        return summed


class UnitLength(nn.Module):
    """Each query or key over its length, x / ‖x‖₂, as the lecture prints QK-norm."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape (..., d) to the same."""
        return F.normalize(x, dim=-1)


def qk_norm(c: Choices) -> nn.Module | None:
    """The norm of each head's queries, or keys, (..., head_dim); None without one."""
    if not c.qk_norm:
        return None
    if c.qk_norm == "l2":
        return UnitLength()
    return nn.RMSNorm(c.head_dim, eps=c.norm_eps, elementwise_affine=c.qk_norm == "learnt")
