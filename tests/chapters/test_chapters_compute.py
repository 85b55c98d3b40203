"""Chapter 21: FLOPs, bounds and tiles, by hand calculation."""

import pytest

from brnb.chapters import compute


def test_shares_of_flops_add_up():
    frame = compute.tab_flops("en").set_index("part")
    assert frame["share_gpt3"].sum() == pytest.approx(100)
    # V / (12 L d) over one more than that and attention's n / (6 d): 50257 / 110592 of GPT-2
    head = 50257 / (12 * 12 * 768)
    rest = 1 + 1024 / (6 * 768)
    assert frame.loc["head", "share_gpt2"] == pytest.approx(100 * head / (rest + head), rel=1e-3)


def test_sides_and_bounds_on_an_a100():
    assert list(compute.tab_sides("en")["side"]) == pytest.approx([1248, 624, 78])
    frame = compute.tab_intensities([4096], "en").set_index(["operation", "dtype"])
    assert frame.loc[("naive attention, d = 128", "fp16"), "bound"] == "memory"
    assert frame.loc[("fused attention, d = 128", "fp16"), "bound"] == "arithmetic"


def test_tiles_that_fit():
    frame = compute.tab_tiles([64, 128, 256]).set_index("tile")
    assert list(frame["tile_kib"]) == [56, 128, 320]
    assert list(frame["fits"]) == [True, True, False]
