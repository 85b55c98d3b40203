"""Units that formulas ask for: bytes of a number, bytes a second, and refusal of anything else."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Quantity = float | NDArray[np.float64]  # formulas take one number or an array of them

BITS = {
    "fp64": 64, "fp32": 32, "tf32": 32, "bf16": 16, "fp16": 16,
    "fp8": 8, "int8": 8, "nf4": 4, "int4": 4,
}  # fmt: skip
_PREFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_RATE = re.compile(r"([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kMGT]?)(b|bit|B)(?:/s|ps)")


def size_of(dtype: str) -> float:
    """Bytes of one number as memory stores it; half a byte with 4 bits.

    Raises
    ------
    ValueError
        If the format is unknown; lists those that are known.
    """
    if dtype not in BITS:
        raise ValueError(f"dtype = {dtype!r}: its bytes are unknown; known: {', '.join(BITS)}")
    return BITS[dtype] / 8


def bytes_per_second(rate: str) -> float:
    """Bytes a second of a rate written with its unit: networks count bits, memories bytes.

    Raises
    ------
    ValueError
        If the rate has no unit of bits (b, bit) or bytes (B) per second.

    Examples
    --------
    >>> bytes_per_second("200 Gb/s"), bytes_per_second("900 GB/s")
    (25000000000.0, 900000000000.0)
    """
    match = _RATE.fullmatch(rate.strip())
    if match is None:
        raise ValueError(f"rate = {rate!r}: write a number and a unit, as 200 Gb/s or 25 GB/s")
    number, prefix, unit = match.groups()
    return float(number) * _PREFIX[prefix] / (1 if unit == "B" else 8)


def positive(unit: str, **values: Any) -> None:
    """Refuse values that are no numbers, or not above 0.

    Parameters
    ----------
    unit
        What the arguments are counted in, for the message.
    **values
        Arguments by name: numbers or arrays.

    Raises
    ------
    ValueError
        Names the argument, its value and the unit.
    """
    for name, value in values.items():
        if not np.all(_number(name, value, unit) > 0):
            raise ValueError(f"{name} = {value}: it must be above 0 ({unit})")


def not_negative(unit: str, **values: Any) -> None:
    """Refuse values that are no numbers, or below 0; as `positive`."""
    for name, value in values.items():
        if not np.all(_number(name, value, unit) >= 0):
            raise ValueError(f"{name} = {value}: it cannot be negative ({unit})")


def positive_share(**values: Any) -> None:
    """Refuse values that are no share above 0 and at most 1; as `positive`."""
    for name, value in values.items():
        number = _number(name, value, "a share")
        if not np.all((number > 0) & (number <= 1)):
            raise ValueError(f"{name} = {value}: it must be above 0 and at most 1")


def share(**values: Any) -> None:
    """Refuse values that are no share between 0 and 1; as `positive`."""
    for name, value in values.items():
        number = _number(name, value, "a share")
        if not np.all((number >= 0) & (number <= 1)):
            raise ValueError(f"{name} = {value}: it must be a share between 0 and 1")


def _number(name: str, value: Any, unit: str) -> NDArray[np.float64]:
    if isinstance(value, str) or value is None:
        hint = "; write bytes_per_second(...) for a rate in bits" if unit == "bytes/s" else ""
        raise ValueError(f"{name} = {value!r}: a number is asked, in {unit}{hint}")
    return np.asarray(value, dtype=np.float64)
