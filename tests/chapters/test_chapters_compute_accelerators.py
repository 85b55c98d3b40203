"""Chapter 21: Tables 15 and 16 against clocks, watts and data sheets."""

import pytest

from brnb.chapters import compute_accelerators as chips
from brnb.thesis import load


def test_table_15_and_its_watts():
    frame = chips.tab_memory_levels("en").set_index("level")
    assert list(frame["implied_watts"]) == pytest.approx([16, 80, 240, 1200])
    sm = load("infrastructure", "tab15", "sm")
    # 128 bytes a clock in every SM, 5120 of the L2
    assert frame.loc["shared/L1", "bandwidth_tb_s"] == pytest.approx(
        128 * sm["count"] * sm["clock_mhz"] / 1e6, rel=2e-3
    )
    assert frame.loc["L2 cache", "bandwidth_tb_s"] == pytest.approx(
        5120 * sm["clock_mhz"] / 1e6, rel=5e-3
    )


def test_table_16():
    frame = chips.tab_accelerators()
    rows = load("infrastructure", "tab16", "rows")
    for value, row in zip(frame["tflops_hour_per_usd"], rows, strict=True):
        assert row["effectiveness"] in (None, str(round(value)))
    efficiencies = zip(frame["tflops_per_watt"], frame["efficiency_published"], strict=True)
    agree = [round(value, 2) == printed for value, printed in efficiencies]
    assert agree == [True, True, True, False]  # the TPU v4


def test_peaks_by_format():
    frame = chips.tab_peaks().set_index("accelerator")
    assert frame.loc["A100", "FP8"] is None
    assert frame.loc["A100", "BF16"] / frame.loc["A100", "FP32"] == 16
    assert frame.loc["H100 SXM", "bf16_by_clock"] == pytest.approx(989.4, abs=0.1)
