"""Chapter 21: links, curves, identities, topologies and serving, by hand calculation."""

import pytest
from matplotlib import pyplot as plt

from brnb.chapters import compute_identities as identities
from brnb.chapters import compute_parallel as parallel
from brnb.chapters import compute_serving as serving
from brnb.theory.shape import Shape

GPT2 = Shape(vocab=50304, width=768, layers=12, heads=12, kv_heads=12, head_dim=64, hidden=3072,
             gated=False, tied=True, positions=1024)  # fmt: skip


def test_table_18_one_way():
    frame = parallel.tab_interconnects(7e9, 8).set_index("link")
    assert list(frame["one_way_gb_s"]) == [450, 25, 50]
    # 2 x 7/8 x 14 GB over 25 GB/s
    assert frame.loc["InfiniBand HDR", "allreduce_seconds"] == pytest.approx(0.98)


def test_table_19_in_numbers():
    frame = parallel.tab_strategies("en").set_index("strategy")
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


def test_identities_hold_where_they_should():
    frame = identities.tab_identities(4, 0, "en").set_index("identity")["largest_deviation"]
    assert frame["XW by rows, as printed"] is None
    assert frame["mean gradient of unequal parts"] > 1e-3
    rest = frame.drop(["XW by rows, as printed", "mean gradient of unequal parts"])
    assert (rest.astype(float) < 1e-12).all()


def test_topologies_as_published():
    frame = identities.tab_topologies([48, 64], 50e9).set_index("ports")
    assert frame.loc[48, "hosts"] == 27_648  # Al-Fares et al. (2008)
    assert frame.loc[64, "dragonfly_nodes"] == 262_656  # Kim et al. (2008)
    assert frame.loc[48, "bisection_tb_s"] == pytest.approx(27_648 / 2 * 50e9 / 1e12)


def test_the_bound_falls_with_the_root_of_the_workers():
    frame = identities.tab_bound([1, 4])
    # 2 / (eta t) + eta / P is least at eta = sqrt(2 P / t)
    assert frame["rate"].iloc[0] == pytest.approx((2 / 10_000) ** 0.5, rel=0.03)
    assert frame["bound_sgd"].iloc[0] / frame["bound_sgd"].iloc[1] == pytest.approx(2, rel=0.01)


def test_tensor_parallel_maps():
    row = identities.tab_tensor_parallel([4096], 8, 2048, 1000.0).iloc[0]
    assert row["bytes_per_kflop"] == pytest.approx(1000 * 7 * 2 / 4096)
    assert row["link_over_compute"] == pytest.approx(1000 * 7 * 2 / 4096)


def test_caches_of_published_models():
    frame = serving.tab_kv_cache(4096, 80).set_index("model")
    assert frame.loc["OPT-13B", "kib_token"] == 800  # Kwon et al. (2023)
    assert frame.loc["LLaMA-7B", "gb_fp16"] == pytest.approx(2.147, abs=1e-3)
    assert frame.loc["LLaMA-7B", "sequences_fp16"] == int((80 - 13.48) / 2.147483648)
    assert frame.loc["GPT-3 175B", "sequences_int8"] == 0


def test_serving_by_hand():
    frame = serving.tab_serving([3, 1, 2, 4], 2, 0.5, "en")
    assert list(frame["steps"]) == [7, 7]
    assert list(frame["latency_seconds"]) == [2, 1.75]  # (3+1+5+7)/4 and (3+1+3+7)/4 steps
    assert serving.predicted_gain([3, 1, 2, 4], 2) == pytest.approx(14 / 10)


def test_waste_of_pages_and_of_reservations():
    frame = serving.tab_paging([10, 30], [16], 40).set_index("page")
    assert frame.loc[16, "pages"] == 3
    assert frame.loc[16, "waste"] == pytest.approx(100 * 8 / 48)
    assert frame.loc[40, "waste"] == pytest.approx(50)


def test_request_lengths_are_within_the_cut():
    lengths = serving.request_lengths(400, 100, 300, 0)
    assert len(lengths) == 400
    assert 1 <= lengths.min() <= lengths.max() <= 300


@pytest.mark.parametrize("draw", [
    lambda: parallel.fig_allreduce(7e9, [1, 2, 4], "pt"),
    lambda: parallel.fig_parallelism(7e9, "pt"),
    lambda: parallel.fig_staleness([0, 2], "pt"),
    lambda: parallel.fig_scaling(60.0, 7e9, "pt"),
    lambda: identities.fig_busy_links([0.1], "pt"),
    lambda: serving.fig_padding([1.0], 0, "pt"),
])  # fmt: skip
def test_figures_are_drawn_with_legends(draw):
    figure = draw()
    assert all(axis.get_legend() for axis in figure.get_axes())
    plt.close(figure)
