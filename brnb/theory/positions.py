"""Positions: sinusoids, the map that shifts them, and learned ones (A.1.6, Eqs. A.33-A.36)."""

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive, size_of

Floats = npt.NDArray[np.float64]

BASE = 10_000.0


def frequencies(width: int) -> Floats:
    """Angle that each pair of features advances by at a position, shape (d / 2,).

    The text says of A.33 that i is the dimension; it counts pairs, and the dimensions are 2i and
    2i + 1.
    """
    positive("features", width=width)
    if width % 2:
        raise ValueError(f"width = {width}: sinusoidal positions need an even one")
    return np.asarray(BASE ** (-np.arange(0, width, 2) / width))


def sinusoidal(length: int, width: int) -> Floats:
    """PE, shape (L, d): sines in even features, cosines in odd ones (Eqs. A.33, A.34)."""
    positive("positions", length=length)
    angles = np.arange(length)[:, None] * frequencies(width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width)


def shift_matrix(offset: int, width: int) -> Floats:
    """M_k with PE_(pos + k) = M_k PE_pos for every position, shape (d, d) (Eq. A.35).

    It turns each pair of features by k times its frequency, and so is orthogonal.
    """
    angles = offset * frequencies(width)
    matrix = np.zeros((width, width))
    for i, angle in enumerate(angles):
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = turn
    return matrix


def learned_bytes(length: int, width: int, dtype: str = "fp32") -> float:
    """Bytes of a table of L_max x d learned positions (Eq. A.36); sinusoids take none."""
    positive("positions, features", length=length, width=width)
    return length * width * size_of(dtype)
