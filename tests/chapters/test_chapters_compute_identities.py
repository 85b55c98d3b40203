"""Chapter 21: identities and bounds of parallel training, by hand calculation."""

import pytest

from brnb.chapters import compute_identities as identities


def test_identities_hold_where_they_should():
    frame = identities.tab_identities(4, 0, "en").set_index("identity")["largest_deviation"]
    assert frame["XW by rows, as printed"] is None
    assert frame["mean gradient of unequal parts"] > 1e-3
    rest = frame.drop(["XW by rows, as printed", "mean gradient of unequal parts"])
    assert (rest.astype(float) < 1e-12).all()


def test_the_bound_falls_with_the_root_of_the_workers():
    frame = identities.tab_bound([1, 4])
    # 2 / (eta t) + eta / P is least at eta = sqrt(2 P / t)
    assert frame["rate"].iloc[0] == pytest.approx((2 / 10_000) ** 0.5, rel=0.03)
    assert frame["bound_sgd"].iloc[0] / frame["bound_sgd"].iloc[1] == pytest.approx(2, rel=0.01)


def test_tensor_parallel_maps():
    row = identities.tab_tensor_parallel([4096], 8, 2048, 1000.0).iloc[0]
    assert row["bytes_per_kflop"] == pytest.approx(1000 * 7 * 2 / 4096)
    assert row["link_over_compute"] == pytest.approx(1000 * 7 * 2 / 4096)
