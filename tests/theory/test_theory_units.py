"""Units: what is refused, and how the message says it."""

import numpy as np
import pytest

from brnb.theory.units import bytes_per_second, not_negative, positive, share, size_of


@pytest.mark.parametrize(("rate", "expected"), [
    ("200 Gb/s", 25e9), ("400Gbps", 50e9), ("900 GB/s", 900e9), ("3.35 TB/s", 3.35e12),
    ("8 b/s", 1.0), ("1e3 MB/s", 1e9),
])  # fmt: skip
def test_rates_in_bits_and_bytes(rate, expected):
    assert bytes_per_second(rate) == pytest.approx(expected)


@pytest.mark.parametrize("rate", ["200", "200 G", "Gb/s", "200 Gb/h", "-1 Gb/s"])
def test_a_rate_without_a_unit_is_refused(rate):
    with pytest.raises(ValueError, match="write a number and a unit"):
        bytes_per_second(rate)


def test_bytes_of_formats():
    torch = pytest.importorskip("torch")
    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16,
             "fp8": torch.float8_e4m3fn, "int8": torch.int8, "fp64": torch.float64}  # fmt: skip
    assert {n: size_of(n) for n in names} == {n: t.itemsize for n, t in names.items()}
    with pytest.raises(ValueError, match="dtype = 'float33': its bytes are unknown; known: fp64"):
        size_of("float33")


def test_messages_name_argument_and_unit():
    with pytest.raises(ValueError, match=r"width = -1: it must be above 0 \(elements\)"):
        positive("elements", width=-1)
    with pytest.raises(ValueError, match=r"width = nan: it must be above 0"):
        positive("elements", width=float("nan"))
    with pytest.raises(ValueError, match=r"data = -2: it cannot be negative \(bytes\)"):
        not_negative("bytes", data=-2)
    with pytest.raises(ValueError, match=r"serial = 2: it must be a share"):
        share(serial=2)
    with pytest.raises(ValueError, match=r"bandwidth = '200 Gb/s': .*bytes/s; write bytes_per_sec"):
        positive("bytes/s", bandwidth="200 Gb/s")


def test_arrays_are_checked_whole():
    positive("bytes", data=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="data"):
        positive("bytes", data=np.array([1.0, 0.0]))
