"""Chapter 21: links, pipelines, ZeRO and stale gradients, by hand calculation."""

import pytest
from matplotlib import pyplot as plt

from brnb.chapters import compute_parallel as parallel


def test_table_18_one_way():
    frame = parallel.tab18(7e9, 8).set_index("link")
    assert list(frame["one_way_gb_s"]) == [450, 25, 50]
    # 2 x 7/8 x 14 GB over 25 GB/s
    assert frame.loc["InfiniBand HDR", "allreduce_seconds"] == pytest.approx(0.98)


def test_table_19_in_numbers():
    frame = parallel.tab19("en").set_index("strategy")
    assert frame.loc["data", "sent_gb"] == pytest.approx(2 * 7 / 8 * 2 * 6.74)
    assert frame.loc["tensor", "sent_gb"] == pytest.approx(4 * 32 * 1.75 * 8192 * 4096 * 2 / 1e9)
    assert frame.loc["pipeline", "sent_gb"] == pytest.approx(2 * 8192 * 4096 * 2 / 1e9)


def test_pipeline_and_zero():
    stages = parallel.tab_pipeline(32, [8], 32).iloc[0]
    assert stages["steps"] == 39
    assert stages["pipeline_efficiency"] == pytest.approx(100 * 32 / 39)
    assert (stages["activations_gpipe"], stages["activations_1f1b"]) == (4, 1)
    zero = parallel.tab_zero(7e9, 8, "en")
    assert list(zero["worker_gb"]) == [112, 63, 38.5, 14]
    assert list(zero["passes"]) == [2, 2, 2, 3]


@pytest.mark.parametrize("staleness", [0, 1, 4])
def test_simulated_limit_is_the_exact_one(staleness):
    exact = {0: 2.0, 1: 1.0, 4: 0.34729635533386}[staleness]  # 2 sin(pi / (4 tau + 2))
    assert parallel.simulated_limit(staleness) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("draw", [
    lambda: parallel.fig_allreduce(7e9, [1, 2, 4], "pt"),
    lambda: parallel.fig_staleness([0, 2], "pt"),
    lambda: parallel.fig_scaling_workers(60.0, 7e9, "pt"),
])  # fmt: skip
def test_figures_are_drawn_with_legends(draw):
    figure = draw()
    assert all(axis.get_legend() for axis in figure.get_axes())
    plt.close(figure)
