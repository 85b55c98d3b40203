"""Chapter 21: caches, pages, padding and schedules, by hand and by published numbers."""

import pytest
from matplotlib import pyplot as plt

from brnb.chapters import compute_serving as serving


def test_caches_of_published_models():
    frame = serving.tab_kv_cache(4096, 80).set_index("model")
    assert frame.loc["OPT-13B", "kib_token"] == 800  # Kwon et al. (2023)
    assert frame.loc["LLaMA-7B", "gb_fp16"] == pytest.approx(2.147, abs=1e-3)
    assert frame.loc["LLaMA-7B", "sequences_fp16"] == int((80 - 13.48) / 2.147483648)
    assert frame.loc["GPT-3 175B", "sequences_int8"] == 0
    published = {"GPT-3 175B": 174.6, "OPT-13B": 12.85, "LLaMA-7B": 6.74, "Llama 3.1 8B": 8.03,
                 "Qwen3 8B": 8.19, "Llama 3.1 70B": 70.55}  # fmt: skip
    assert dict(frame["parameters_billion"]) == pytest.approx(published, rel=1e-3)


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


def test_padding_is_drawn_with_the_share_of_the_text():
    figure = serving.fig_padding([1.0], 0, "pt")
    assert all(axis.get_legend() for axis in figure.get_axes())
    plt.close(figure)
