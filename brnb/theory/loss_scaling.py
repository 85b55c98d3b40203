"""Gradients that 16 bits lose, and the scale that saves them (Eqs. B.45, B.137-B.141).

fp16 has normal numbers down to 2^-14 and subnormal ones, with fewer digits, down to 2^-24. Rounding
to nearest sends to zero what is at most half of the smallest: 2^-25.
"""

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from brnb.theory.units import Quantity, positive

SMALLEST_NORMAL = {"fp16": 2.0**-14, "bf16": 2.0**-126, "fp32": 2.0**-126}
SMALLEST = {"fp16": 2.0**-24, "bf16": 2.0**-133, "fp32": 2.0**-149}  # subnormal


def share_below(threshold: float, sigma: float) -> float:
    """P(|g| < threshold) of g ~ N(0, sigma^2), 2 Phi(threshold / sigma) - 1 (Eq. B.45).

    Examples
    --------
    >>> f"{share_below(6e-8, 1e-4):.1e}"
    '4.8e-04'
    """
    positive("a gradient's unit", threshold=threshold, sigma=sigma)
    return erf(threshold / sigma / sqrt(2))


def underflow_share(sigma: float, dtype: str = "fp16") -> float:
    """Share of normal gradients that become zero when rounded to a format (cf. Eqs. B.45, B.137).

    Raises
    ------
    ValueError
        If the format has no smallest number here.
    """
    if dtype not in SMALLEST:
        raise ValueError(f"dtype = {dtype!r}: choose from {', '.join(SMALLEST)}")
    return share_below(SMALLEST[dtype] / 2, sigma)


def printed_underflow_share(sigma: float) -> float:
    """Eq. B.45 with its g_min = 6e-8, the smallest subnormal: twice as many as rounding loses."""
    return share_below(6e-8, sigma)


def printed_subnormal_share(sigma: float) -> float:
    """Eq. B.137 as printed, P(|g| < 2^-14): it calls all subnormal numbers zero.

    For sigma = 1e-4 that is 46%, where B.45 says 0.048% of the same underflow.
    """
    return share_below(SMALLEST_NORMAL["fp16"], sigma)


def through_fp16(gradient: NDArray[np.float64], scale: float = 1.0) -> NDArray[np.float64]:
    """Gradients after scaling, rounding to fp16 and scaling back (Eqs. B.138-B.140).

    Scaling the loss scales every gradient, so that here only the gradient is. A power of two as
    scale changes no digit of what fits.
    """
    positive("a factor", scale=scale)
    scaled = np.asarray(gradient, dtype=np.float64) * scale
    with np.errstate(over="ignore"):
        return scaled.astype(np.float16).astype(np.float64) / scale


def best_scale(largest: Quantity, safety: Quantity = 1.0) -> Quantity:
    """Loss scale that puts the largest gradient at 2^15, times a safety factor (Eq. B.141).

    fp16 ends at 65504, nearly 2^16: with a safety factor of 1 a factor of two is still free.
    """
    positive("a gradient's unit", largest=largest)
    positive("a factor", safety=safety)
    return 2.0**15 / largest * safety
