"""Arguments with a unit: bytes of a number, peaks of a GPU, bandwidths; and what is refused.

Functions of this room take bytes, FLOP, seconds and USD. A bandwidth may also be written with its
unit, ``"1.6 TB/s"``; in bits, ``"400 Gb/s"``, it is refused where bytes are asked.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from brnb.thesis import load

Floats = npt.NDArray[np.float64]
BYTES = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "fp8": 1, "int8": 1, "int4": 0.5}
_RATE = re.compile(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*([kMGTP]?)([bB])/s\s*")
_PREFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}


def dtype_bytes(dtype: str) -> float:
    """Bytes of one number.

    Raises
    ------
    ValueError
        If the format is unknown; lists those that are known.
    """
    if dtype not in BYTES:
        raise ValueError(f"dtype {dtype!r} is unknown; known: {', '.join(BYTES)}")
    return BYTES[dtype]


def peak_flops(gpu: str, dtype: str) -> float:
    """Dense peak of a GPU of brnb/thesis/hardware.yaml in FLOP/s.

    Raises
    ------
    ValueError
        If the data sheet's peak for that format is not in hardware.yaml.
    """
    facts = load("hardware", gpu)
    peaks = {k.removesuffix("_tflops"): float(v) for k, v in facts.items() if k.endswith("_tflops")}
    peaks |= {"fp16": peaks["bf16"]}  # the same tensor cores at the same rate
    if dtype not in peaks:
        known = ", ".join(sorted(peaks))
        raise ValueError(f"dtype {dtype!r} has no peak on {gpu} in hardware.yaml; it has: {known}")
    return peaks[dtype] * 1e12


def bytes_per_second(bandwidth: float | str, argument: str = "bandwidth") -> float:
    """A bandwidth in bytes a second, of a number or of a text with its unit.

    Raises
    ------
    ValueError
        If it is in bits, not above 0, or no bandwidth at all.

    Examples
    --------
    >>> bytes_per_second("1.6 TB/s")
    1600000000000.0
    """
    if isinstance(bandwidth, str):
        match = _RATE.fullmatch(bandwidth)
        if not match:
            raise ValueError(f"{argument} = {bandwidth!r}: write it as '1.6 TB/s'")
        number = float(match[1]) * _PREFIX[match[2]]
        if match[3] == "b":
            fix = f"'{number / 8e9:g} GB/s'"
            raise ValueError(f"{argument} = {bandwidth!r} is in bits; bytes are asked: {fix}")
        bandwidth = number
    require_positive(**{argument: bandwidth})
    return float(bandwidth)


def require_positive(**arguments: Any) -> None:
    """Refuse arguments that are not finite and above 0, arrays element by element.

    Raises
    ------
    ValueError
        Names the argument and its value.
    """
    for name, value in arguments.items():
        if not (np.isfinite(array := np.asarray(value, float)) & (array > 0)).all():
            raise ValueError(f"{name} = {value}: it must be above 0")


def require_share(**arguments: float) -> None:
    """Refuse arguments that are not above 0 and at most 1.

    Raises
    ------
    ValueError
        Names the argument and its value.
    """
    for name, value in arguments.items():
        if not 0 < value <= 1:
            raise ValueError(f"{name} = {value}: it must be above 0 and at most 1")
