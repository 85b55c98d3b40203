"""Eight-bit integers for caches and weights, and their error (Eqs. B.127-B.131, B.142-B.148)."""

from math import erf, exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from brnb.theory.units import Quantity, positive

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


def levels(bits: int) -> int:
    """Largest code of a symmetric quantiser, 2^(b-1) - 1: 127 of eight bits."""
    if bits < 2:
        raise ValueError(f"bits = {bits}: a symmetric quantiser needs at least 2")
    return int(2 ** (bits - 1) - 1)


def quantise_symmetric(values: Array, clip: float, bits: int = 8) -> Codes:
    """Codes round(127 x / alpha), values beyond alpha clipped to it (Eq. B.127).

    The text maps [-alpha, alpha] to [-128, 127]; its formula never gives -128.
    """
    positive("the values' unit", clip=clip)
    top = levels(bits)
    codes: Codes = np.clip(np.rint(np.asarray(values) / clip * top), -top, top).astype(np.int64)
    return codes


def restore_symmetric(codes: Codes, clip: float, bits: int = 8) -> Array:
    """Values alpha q / 127 of codes (Eq. B.128)."""
    positive("the values' unit", clip=clip)
    return np.asarray(codes, dtype=np.float64) * (clip / levels(bits))


def clipped_error(clip: float, bits: int = 8) -> float:
    """Mean squared error of quantising N(0, 1) clipped at `clip` (what Eq. B.129 minimises).

    Clipped values lose 2 ((1 + c^2) Q(c) - c phi(c)), c the clip; the others a twelfth of the
    squared step.
    """
    positive("standard deviations", clip=clip)
    density = exp(-(clip**2) / 2) / sqrt(2 * pi)
    tail = (1 - erf(clip / sqrt(2))) / 2
    clipping = 2 * ((1 + clip**2) * tail - clip * density)
    return clipping + (1 - 2 * tail) * (clip / levels(bits)) ** 2 / 12


def best_clip(bits: int = 8) -> float:
    """Clip alpha*, in standard deviations, of least squared error for normal values (Eq. B.129).

    The text gives 2.5 for eight bits; that is the clip of four. With eight it is 3.9.
    """
    low, high = 0.5, 8.0
    ratio = (sqrt(5) - 1) / 2
    while high - low > 1e-6:  # golden section: the error has one minimum
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if clipped_error(left, bits) < clipped_error(right, bits):
            high = right
        else:
            low = left
    return (low + high) / 2


def bits_per_value(bits: float, group: float = float("inf"), scale_bits: float = 16) -> float:
    """Bits of a value with its share of the scale that `group` values have in common."""
    positive("bits", bits=bits)
    positive("values", group=group)
    return bits + scale_bits / group


def cache_reduction(group: float = float("inf")) -> float:
    """How many times smaller than fp16 int8 is, 2 without its scales (Eq. B.130)."""
    return 16 / bits_per_value(8, group)


def rounding_rmse(clip: Quantity, bits: int = 8) -> Quantity:
    """Root mean squared error of rounding, alpha / (127 sqrt 12) = 0.0023 alpha (cf. Eq. B.131)."""
    positive("the values' unit", clip=clip)
    return clip / (levels(bits) * sqrt(12))


def printed_rounding_rmse(clip: Quantity) -> Quantity:
    """alpha / (127 sqrt 3), as Eq. B.131 prints it: that of errors up to a whole step, twice.

    It evaluates to 0.00455 alpha, printed as 0.0046.
    """
    positive("the weights' unit", clip=clip)
    return clip / (127 * sqrt(3))


def affine_scale(low: Quantity, high: Quantity, bits: int = 8) -> Quantity:
    """Step of an affine quantiser, (high - low) / 255 with eight bits (Eq. B.142)."""
    positive("the weights' unit", width=np.asarray(high) - np.asarray(low))
    return (high - low) / (2**bits - 1)


def zero_point(low: float, scale: float, bits: int = 8) -> int:
    """Code of the value zero, round(-128 - low / scale) with eight bits (cf. Eq. B.143).

    A code is an integer, so that zero is exact; the text forgets to round.
    """
    return round(printed_zero_point(low, scale, bits))


def printed_zero_point(low: float, scale: float, bits: int = 8) -> float:
    """-128 - low / scale, as Eq. B.143 prints it: no integer, and zero has an error."""
    positive("bits", bits=bits)
    positive("the weights' unit", scale=scale)
    return -(2 ** (bits - 1)) - low / scale


def quantise_affine(values: Array, scale: float, zero: float, bits: int = 8) -> Codes:
    """Codes round(w / scale + zero), kept within the type's range (Eq. B.144)."""
    positive("bits", bits=bits)
    positive("the weights' unit", scale=scale)
    half = 2 ** (bits - 1)
    codes = np.rint(np.asarray(values) / scale + zero)
    clipped: Codes = np.clip(codes, -half, half - 1).astype(np.int64)
    return clipped


def restore_affine(codes: Codes, scale: float, zero: float) -> Array:
    """Values scale (q - zero) of codes (Eq. B.145)."""
    positive("the weights' unit", scale=scale)
    return scale * (np.asarray(codes, dtype=np.float64) - zero)


def rounding_variance(scale: Quantity) -> Quantity:
    """Variance of a rounding error uniform within half a step, scale^2 / 12 (Eqs. B.146, B.147)."""
    positive("the weights' unit", scale=scale)
    return scale**2 / 12


def error_share(scale: Quantity, variance: Quantity) -> Quantity:
    """Var(error) / Var(w), to be below a tolerance (Eq. B.148, which says 0.01 to 0.05).

    Normal weights quantised between +-4.5 standard deviations have 1e-4 with eight bits and 0.03
    with four: that tolerance is one of four bits, and eight never come near it.
    """
    positive("the weights' unit squared", variance=variance)
    return rounding_variance(scale) / variance
