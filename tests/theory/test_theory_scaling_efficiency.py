"""Scaling laws of workers against hand calculation."""

import pytest

from brnb.theory.scaling_efficiency import (
    amdahl_speedup,
    strong_efficiency,
    weak_efficiency,
)


def test_perfect_scaling_is_one():
    assert strong_efficiency(80.0, 10.0, 8) == 1
    assert weak_efficiency(80.0, 80.0) == 1
    assert strong_efficiency(80.0, 20.0, 8) == 0.5


def test_amdahls_limits_of_the_text():
    assert amdahl_speedup(0.1, 1e12) == pytest.approx(10)
    assert amdahl_speedup(0.2, 1e12) == pytest.approx(5)
    assert amdahl_speedup(0.5, 2) == pytest.approx(4 / 3)
    assert amdahl_speedup(0.0, 64) == 64


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"serial = 1\.5: it must be a share"):
        amdahl_speedup(1.5, 8)
    with pytest.raises(ValueError, match=r"together = 0: .*\(s\)"):
        strong_efficiency(1.0, 0, 8)
