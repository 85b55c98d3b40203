"""Rotary position embeddings (Su et al., 2021)."""

import torch
from torch import Tensor


def rope_table(context: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, m · theta^(-2i/d); two (context, d/2) tensors."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys x at their positions: pairs (x_i, x_{i+d/2}) turned by angles (Su et al.,
    2021, Eq. 34; Llama's pairing).

    Products are rounded to the wider of the two precisions, the result to that of x: fp32 angles
    round once, angles in the precision of x after every product, as transformers does.

    Parameters
    ----------
    x
        Shape (..., d).
    cos, sin
        Of the angles, of shapes that match (..., d/2): (T, d/2) for x of (B, n, T, d).
    """
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).type_as(x)
