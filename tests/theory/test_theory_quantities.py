"""Units by hand, and what is refused."""

import pytest

from brnb.theory.quantities import (
    bytes_per_second,
    dtype_bytes,
    peak_flops,
    require_positive,
    require_share,
)


def test_bytes_of_formats():
    assert [dtype_bytes(d) for d in ("fp32", "bf16", "fp8", "int4")] == [4, 2, 1, 0.5]
    with pytest.raises(ValueError, match="dtype 'fp12' is unknown; known: fp64"):
        dtype_bytes("fp12")


def test_peaks_of_data_sheets():
    assert peak_flops("a100_40gb", "bf16") == peak_flops("a100_40gb", "fp16") == 312e12
    with pytest.raises(ValueError, match="dtype 'fp8' has no peak on a100_40gb"):
        peak_flops("a100_40gb", "fp8")


def test_bandwidths_are_in_bytes():
    assert bytes_per_second("1.6 TB/s") == 1.6e12
    assert bytes_per_second("900GB/s") == 9e11
    assert bytes_per_second(5e10) == 5e10
    with pytest.raises(ValueError, match=r"link = '400 Gb/s' is in bits; .*'50 GB/s'"):
        bytes_per_second("400 Gb/s", "link")
    with pytest.raises(ValueError, match="write it as"):
        bytes_per_second("fast")
    with pytest.raises(ValueError, match="bandwidth = -1"):
        bytes_per_second(-1)


@pytest.mark.parametrize("bad", [0, -3, float("nan"), float("inf"), [4, -1]])
def test_sizes_are_positive(bad):
    with pytest.raises(ValueError, match="n = "):
        require_positive(n=bad)


def test_shares_are_shares():
    require_share(utilization=1.0)
    with pytest.raises(ValueError, match=r"utilization = 1\.5"):
        require_share(utilization=1.5)
