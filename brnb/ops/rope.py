"""Rotary position embeddings (Su et al., 2021)."""

import torch
from torch import Tensor

from brnb.ops.rope_scaling import UNSCALED, Scaling, scaled_frequencies


def rope_table(
    context: int, head_dim: int, theta: float, scaling: Scaling = UNSCALED
) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, m · theta^(-2i/d), or of scaled ones; two
    (context, d/2) tensors."""
    frequencies, size = scaled_frequencies(scaling, head_dim, theta, context)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return angles.cos() * size, angles.sin() * size


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
