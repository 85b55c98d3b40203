"""Peaks from clocks, watts and prices against data sheets."""

import pytest

from brnb.theory.accelerators import (
    clocked_peak,
    flops_per_usd,
    flops_per_watt,
    peak_flops,
    printed_cost_effectiveness,
    systolic_peak,
    transfer_watts,
)
from brnb.thesis import load


@pytest.mark.parametrize(("gpu", "tflops"), [("a100_40gb", 312), ("h100_sxm", 989)])
def test_peaks_of_eqs_b34_and_b35(gpu, tflops):
    chip = load("hardware", gpu)
    peak = clocked_peak(chip["sms"], chip["flops_per_clock"], 1e6 * chip["boost_mhz"])
    assert peak / 1e12 == pytest.approx(tflops, rel=2e-3)


def test_a_tpu_v4_is_eight_arrays():
    assert systolic_peak(128, 8, 1.05e9) / 1e12 == pytest.approx(275, rel=2e-3)


def test_efficiency():
    assert flops_per_watt(312, 400) == 0.78
    assert flops_per_watt(989, 700) == pytest.approx(1.41, abs=0.005)
    assert flops_per_watt(275, 192) == pytest.approx(1.43, abs=0.005)  # B.40 prints 1.15


@pytest.mark.parametrize(("tflops", "price", "printed"), [
    (312, 3.06, 102), (989, 8.00, 124), (275, 2.40, 115),
])  # fmt: skip
def test_effectiveness_of_eqs_b42_to_b44(tflops, price, printed):
    assert round(printed_cost_effectiveness(tflops, price)) == printed
    # an hour of 312 TFLOP/s is 1.12e18 FLOP
    assert flops_per_usd(tflops * 1e12, price) == pytest.approx(tflops * 1e12 * 3600 / price)


def test_peaks_agree_with_the_hardware_list():
    for key, gpu in (("a100", "a100_80gb"), ("h100_sxm", "h100_sxm"), ("h200_sxm", "h200_sxm")):
        assert peak_flops(key, "bf16") == 1e12 * load("hardware", gpu, "bf16_tflops")


def test_a_format_without_a_peak_is_refused():
    with pytest.raises(ValueError, match=r"dtype = 'fp8': a100 has no peak \(TFLOP/s\) in it"):
        peak_flops("a100", "fp8")
    with pytest.raises(KeyError, match="it has: a100"):
        peak_flops("voodoo2", "fp32")
    with pytest.raises(ValueError, match=r"power = 0: .*\(W\)"):
        flops_per_watt(312, 0)


def test_table_15_would_melt_the_board():
    rows = {row["level"]: row for row in load("infrastructure", "tab15", "rows")}
    watts = {
        name: transfer_watts(float(row["bytes_per_s"]), 1e-12 * row["pj_per_bit"])
        for name, row in rows.items()
    }
    assert watts["hbm"] == pytest.approx(1200)
    assert watts["registers"] == pytest.approx(16)
