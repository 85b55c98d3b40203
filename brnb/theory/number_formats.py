"""What a floating-point format can hold, and scaling a loss into it (A.2.4, Eqs. A.61-A.65)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NumberFormat:
    """A binary format of IEEE 754 with subnormals, infinities and NaN.

    Attributes
    ----------
    exponent_bits, mantissa_bits
        Stored bits; one more is the sign.
    """

    exponent_bits: int
    mantissa_bits: int

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return float((2 - 2.0**-self.mantissa_bits) * 2.0**self._bias)

    @property
    def smallest(self) -> float:
        """The smallest number above 0, a subnormal one."""
        return float(2.0 ** (1 - self._bias - self.mantissa_bits))

    @property
    def epsilon(self) -> float:
        """The gap between 1 and the next number."""
        return float(2.0**-self.mantissa_bits)

    @property
    def _bias(self) -> int:
        return int(2 ** (self.exponent_bits - 1) - 1)


FORMATS = {
    "fp32": NumberFormat(8, 23),
    "tf32": NumberFormat(8, 10),
    "bf16": NumberFormat(8, 7),
    "fp16": NumberFormat(5, 10),
}


def number_range(name: str) -> tuple[float, float]:
    """Smallest and largest positive numbers of a format (Eqs. A.61, A.62).

    The dissertation's lower ends, 6e-8 and 1.4e-45, are subnormal: there one bit is left.

    Raises
    ------
    ValueError
        If the format is unknown; lists those that are known.
    """
    if name not in FORMATS:
        raise ValueError(f"dtype {name!r} is unknown; known: {', '.join(FORMATS)}")
    return FORMATS[name].smallest, FORMATS[name].largest


def stable_softmax(scores: npt.ArrayLike, axis: int = -1) -> Floats:
    """Softmax with the largest score taken off first, so that no exponential overflows (A.63)."""
    values = np.asarray(scores, float)
    shifted = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=axis, keepdims=True))


def scaled_loss(loss: npt.ArrayLike, scale: float = 2.0**16) -> Floats:
    """The loss times S, whose gradients are S times as large (Eqs. A.64, A.65)."""
    positive("a factor", scale=scale)
    return np.asarray(np.asarray(loss, float) * scale)
