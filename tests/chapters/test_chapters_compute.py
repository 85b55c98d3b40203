"""Chapter 21: FLOPs, Tables 15 and 16, bounds, by hand calculation and published numbers."""

import pytest

from brnb.chapters import compute
from brnb.thesis import load


def test_shares_of_flops_add_up():
    frame = compute.tab_flops("en").set_index("part")
    assert frame["share_gpt3"].sum() == pytest.approx(100)
    # V / (12 L d) over one more than that and attention's n / (6 d): 50257 / 110592 of GPT-2
    head = 50257 / (12 * 12 * 768)
    rest = 1 + 1024 / (6 * 768)
    assert frame.loc["head", "share_gpt2"] == pytest.approx(100 * head / (rest + head), rel=1e-3)


def test_table_15_and_its_watts():
    frame = compute.tab_memory_levels("en").set_index("level")
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
    frame = compute.tab_accelerators()
    rows = load("infrastructure", "tab16", "rows")
    for value, row in zip(frame["tflops_hour_per_usd"], rows, strict=True):
        assert row["effectiveness"] in (None, str(round(value)))
    agree = [round(v, 2) == p for v, p in zip(frame["efficiency"], frame["efficiency_published"],
                                              strict=True)]  # fmt: skip
    assert agree == [True, True, True, False]  # the TPU v4


def test_peaks_by_format():
    frame = compute.tab_peaks().set_index("accelerator")
    assert frame.loc["A100", "FP8"] is None
    assert frame.loc["A100", "BF16"] / frame.loc["A100", "FP32"] == 16
    assert frame.loc["H100 SXM", "bf16_by_clock"] == pytest.approx(989.4, abs=0.1)


def test_sides_and_bounds_on_an_a100():
    assert list(compute.tab_sides("en")["side"]) == pytest.approx([1248, 624, 78])
    frame = compute.tab_intensities([4096], "en").set_index(["operation", "dtype"])
    assert frame.loc[("naive attention, d = 128", "fp16"), "bound"] == "memory"
    assert frame.loc[("fused attention, d = 128", "fp16"), "bound"] == "arithmetic"


def test_tiles_that_fit():
    frame = compute.tab_tiles([64, 128, 256]).set_index("tile")
    assert list(frame["tile_kib"]) == [56, 128, 320]
    assert list(frame["fits"]) == [True, True, False]
