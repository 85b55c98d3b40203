"""Algorithm 4: what tells a Transformer where a token stands."""

import torch
from torch import Tensor

BASE = 10_000.0


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """Sines and cosines of a token's position (Algorithm 4, Eq. A.33-A.34).

    Parameters
    ----------
    length
        Number of positions, from 0.
    width
        d_model, even: pair i turns by BASE^(-2i/d_model) radians a token.

    Returns
    -------
    Tensor
        Shape (length, width), fp32.

    Raises
    ------
    ValueError
        If `width` is odd.
    """
    angle = torch.arange(length, dtype=torch.float64)[:, None] * _frequencies(width)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).float()


def position_shift(offset: int, width: int) -> Tensor:
    """M_k with PE[pos + k] = M_k PE[pos] for every pos (Eq. A.35): a rotation of every pair.

    Parameters
    ----------
    offset
        k, in tokens; may be negative.
    width
        As in `sinusoidal_positions`.

    Returns
    -------
    Tensor
        Shape (width, width), fp32.
    """
    angle = offset * _frequencies(width)
    turns = torch.stack((angle.cos(), angle.sin(), -angle.sin(), angle.cos()), dim=-1)
    return torch.block_diag(*turns.unflatten(-1, (2, 2))).float()


def _frequencies(width: int) -> Tensor:
    if width % 2:
        raise ValueError(f"width = {width} is odd: sines and cosines come in pairs")
    return BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
