"""Norms as the lecture on architectures prints them: RMSNorm and QK-norm."""

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """The printed class, statement by statement.

    It takes the mean over the last axis only: of a shape of several axes it is not
    `torch.nn.RMSNorm`, which takes it over all of them.

    Parameters
    ----------
    normalized_shape
        Of the gain.
    eps
        Added to the mean square.
    element_affine
        Whether there is a gain.
    """

    gamma: Tensor | None

    def __init__(
        self,
        normalized_shape: list[int] | tuple[int, ...],
        eps: float = 1e-5,
        element_affine: bool = True,
    ) -> None:
        super().__init__()
        self.eps = eps
        self.element_affine = element_affine
        if self.element_affine:
            self.gamma = nn.Parameter(torch.ones(normalized_shape))
        else:
            self.register_parameter("gamma", None)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., d) to the same."""
        x = x * torch.rsqrt(self.eps + x.pow(2).mean(dim=-1, keepdim=True))
        return x if self.gamma is None else x * self.gamma


def qk_norm_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The printed QK-norm, softmax(Q/‖Q‖₂ · (K/‖K‖₂)ᵀ) V, each query and key over its length.

    Parameters
    ----------
    q, k, v
        Shapes (..., n, d), (..., m, d) and (..., m, d_v).
    """
    q, k = (part / part.norm(dim=-1, keepdim=True) for part in (q, k))
    return (q @ k.mT).softmax(dim=-1) @ v
