"""Tables and figures of chapter 20 say what they were given, and Table 14 what is printed."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from brnb.algorithms.pipeline_parallel import gpipe_schedule
from brnb.chapters import algorithms, attention
from brnb.evaluate.attention_costs import Cost
from brnb.evaluate.gradient_paths import Products, Reach
from brnb.evaluate.heads import Heads
from brnb.evaluate.masked import Quality
from brnb.report.tables import display

NEEDS = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a"], "e": ["a", "b", "c", "d"]}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_depths_of_runs():
    assert algorithms.depths(NEEDS) == {"a": 0, "b": 1, "c": 2, "d": 1, "e": 3}


def test_needs_that_others_imply_are_not_drawn():
    assert algorithms.direct(NEEDS) == {
        "a": set(), "b": {"a"}, "c": {"b"}, "d": {"a"}, "e": {"c", "d"}
    }  # fmt: skip


def test_the_pipeline_is_drawn_with_every_run_and_every_direct_need():
    axes = algorithms.fig_algorithm_pipeline(NEEDS).axes[0]
    assert set(NEEDS) == {text.get_text() for text in axes.texts}
    assert len(axes.lines) == 5


def test_a_schedule_has_a_bar_for_each_pass():
    axes = algorithms.fig_pipeline_schedule(gpipe_schedule(3, 5), "en").axes[0]
    assert len(axes.patches) == 2 * 3 * 5


def test_all_algorithms_are_listed():
    table = algorithms.tab_algorithms("pt")
    assert table["number"].tolist() == list(range(1, 23))
    assert table["place"].iloc[5] == "A.2.2.2"


def test_table_14_keeps_what_is_printed_beside_what_is_measured():
    measured = {
        name: Quality(2.0, share, share - 0.01, share + 0.01, 0.5)
        for name, share in (("naive", 1.0), ("window", 0.9), ("bigbird", 0.97))
    }
    table = attention.tab14(measured, "pt")
    assert table["quality_published"].tolist() == ["100%", None, "~98%"]
    assert table["time_order"].iloc[2] == "O(n(w + g + r)d)"
    assert table["quality_percent"].tolist() == pytest.approx([100, 90, 97])


def test_costs_at_the_longest_text_beside_the_standard():
    costs = [Cost("naive", 8, 2.0, 64), Cost("naive", 16, 8.0, 256), Cost("flash", 16, 2.0, 16)]
    table = attention.tab_attention_costs(costs, "en")
    assert table["n"].tolist() == [16, 16]
    assert table["time_ratio"].tolist() == [1, 0.25]
    assert table["memory_ratio"].tolist() == [1, 0.0625]


def test_every_column_has_a_label():
    state = attention.tab_attention_state([Products(4, 1.5, 1.1, 3.0)])
    heads = attention.tab_attention_heads([Heads(0.1, 0.2, 3, 4, 5, 6, (1, 2, 4))])
    algorithm_list = algorithms.tab_algorithms("en")
    for id, table in (
        ("tab-attention-state", state),
        ("tab-attention-heads", heads),
        ("tab-algorithms", algorithm_list),
    ):
        assert len(display(table, id, lang="en").headers) == table.shape[1]


def test_gradients_are_relative_to_the_last_token():
    reach = Reach(2 * 0.5 ** np.arange(20.0), 0.5)
    row = attention.tab_attention_gradients({"v3": reach}).iloc[0]
    assert (row["at_1"], row["at_16"], row["half_distance"]) == (0.5, 0.5**16, 1)
