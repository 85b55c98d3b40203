"""Chapter 17's runner: the printed facts, the rows of its tables, the bars of its figures."""

import math

import pandas as pd
import pytest

from brnb.chapters import moe_dense
from brnb.latency.hypotheses import HypothesisTest
from brnb.latency.items import dosmi_v2, expertise_map
from brnb.report.tables import display
from brnb.theory.shape import Shape
from brnb.thesis import load

SHAPES = {
    "OpenChat-3.5-0106": Shape(
        vocab=32002, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336
    ),
    "DeepSeek-Coder-6.7B-base": Shape(
        vocab=32256, width=4096, layers=32, heads=32, kv_heads=32, head_dim=128, hidden=11008
    ),
    "Mixtral-8x7B-Instruct-v0.1": Shape(
        vocab=32000, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336,
        experts=8, experts_active=2,
    ),
    "Gemma-7B-it": Shape(
        vocab=256000, width=3072, layers=28, heads=16, kv_heads=16, head_dim=256, hidden=24576,
        tied=True,
    ),
}  # fmt: skip


def summary(accuracy=0.5):
    rows = [
        {"model": model, "family": family, "weights": "nf4", "benchmark": benchmark, "items": 20,
         "accuracy": accuracy, "checked": 0.4, "efficiency": accuracy * 10, "peak_bytes": 2**30}
        | {f"{name}{end}": scale * factor
           for name, scale in (("first_token_s", 0.1), ("latency_s", 6.0), ("tokens_per_s", 10.0))
           for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.2))}
        for model, family in (("g", "dense"), ("m", "moe"))
        for benchmark in ("dosmi_v2", "expertise_map")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_sizes_of_the_printed_models_are_those_of_their_shapes():
    for model in load("moe", "models"):
        shape = SHAPES[model["name"]]
        assert model["total"] == shape.parameters, model["name"]
        assert model["active"] == shape.active_parameters, model["name"]


def test_one_of_the_printed_mixtures_is_dense():
    table = moe_dense.tab_moe_models("en").set_index("model")
    assert table.loc["DeepSeek-Coder-6.7B-base", ["family_published", "family"]].tolist() == [
        "MoE", "dense",
    ]  # fmt: skip
    mixtral = table.loc["Mixtral-8x7B-Instruct-v0.1"]
    assert mixtral["billions_published"] == 56
    assert mixtral["billions_total"] == pytest.approx(46.7, abs=0.05)  # Jiang et al. (2024)
    assert mixtral["billions_active"] == pytest.approx(12.9, abs=0.05)


def test_benchmarks_are_counted():
    table = moe_dense.tab_moe_benchmarks([*dosmi_v2(), *expertise_map()], "pt")
    assert table["items"].tolist() == [5, 5, 5, 5, 10, 10, 10, 10]
    assert table["printed_items"].tolist() == [1] * 8
    assert table["words_median"].iloc[4] > 250


def test_all_printed_examples_are_shown():
    table = moe_dense.tab_moe_examples([*dosmi_v2(), *expertise_map()], "pt")
    assert len(table) == 8
    assert "Quem escreveu Dom Quixote?" in table["prompt"].tolist()


def test_models_of_the_parameters_print_as_their_labels():
    renamed = summary().replace({"model": {"g": "dense_small", "m": "mixture_nf4"}})
    shown = moe_dense.tab_moe_accuracy(renamed, "pt")["model"]
    assert shown.unique().tolist() == ["densa pequena", "mistura (NF4)"]


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_figures_have_a_bar_a_model_and_benchmark(lang):
    for draw in (
        moe_dense.fig_moe_throughput,
        moe_dense.fig_moe_accuracy,
        moe_dense.fig_moe_efficiency,
    ):
        axis = draw(summary(), lang).axes[0]
        assert sum(len(bars) for bars in axis.containers if hasattr(bars, "patches")) == 4


def test_the_printed_ranges_of_latency_are_bands():
    axis = moe_dense.fig_moe_latency(summary(), "pt").axes[0]
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert {"densa (publicado)", "MoE (publicado)"} <= set(names)
    bands = [patch.get_extents() for patch in axis.patches if patch.get_alpha() == 0.25]
    assert len(bands) == 2


def test_verdicts_stand_beside_the_printed_ones():
    findings = [
        HypothesisTest(
            "equal_active", "H3", "overhead_fall", math.log(2), math.log(1.5), math.log(3)
        ),
        HypothesisTest("equal_active", "H1", "efficiency_gain", *[float("nan")] * 3),
    ]
    table = moe_dense.tab_moe_hypotheses(findings, "pt")
    assert table["hypothesis"].tolist() == ["H1", "H3"]
    assert table["verdict_published"].tolist() == ["parcialmente confirmada", "confirmada"]
    assert table["verdict"].tolist() == ["sem decisão", "confirmada"]
    assert table["moe_over_dense"].iloc[1] == pytest.approx(2)
    display(table, "tab-moe-hypotheses", lang="en")


def test_every_table_has_its_headers_in_both_languages():
    ratios = pd.DataFrame([{
        "shape": "mixture", "weights": "nf4", "tokens_per_s": 3.0, "speed_ratio": 0.5,
        "speed_ratio_low": 0.4, "speed_ratio_high": 0.6, "memory_relative": 0.3,
    }])  # fmt: skip
    for lang in ("pt", "en"):
        weights = moe_dense.tab_moe_weights(ratios, lang)
        assert weights["speed_ratio"].tolist() == [2.0, 0.5]
        for id, table in {
            "tab-moe-weights": weights,
            "tab-moe-models": moe_dense.tab_moe_models(lang),
            "tab-moe-benchmarks": moe_dense.tab_moe_benchmarks(dosmi_v2(), lang),
            "tab-moe-examples": moe_dense.tab_moe_examples(dosmi_v2(), lang),
            "tab-moe-accuracy": moe_dense.tab_moe_accuracy(summary(), lang),
        }.items():
            display(table, id, lang=lang)
