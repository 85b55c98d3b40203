"""Rotary position embeddings (Su et al., 2021)."""

import torch
from torch import Tensor


def rope_table(context: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles, m · theta^(-2i/d); two (context, d/2) tensors."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2).float() / head_dim)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (x_i, x_{i+d/2}) of queries or keys, shape (B, n, T, d), by the angles of
    the T positions, shapes (T, d/2) (Su et al., 2021, Eq. 34; Llama's pairing)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).type_as(x)
