"""The published score, by the document's own example and by hand."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.rarity import example, read_models
from brnb.rarity.score import (
    greatest,
    in_class,
    inverse_frequency,
    latest,
    published_band,
    quantile_band,
    rarity_score,
    select,
    weight_needed,
)

KINDS = ["MHA", "MQA", "GQA", "MLA"]


def table(**columns):
    base = {"attention": "GQA", "activation": "SwiGLU", "norm": "RMSNorm", "context": 8192}
    n = len(next(iter(columns.values())))
    return pd.DataFrame({name: [value] * n for name, value in base.items()} | columns)


def test_the_worked_example_gives_3_71():
    first = rarity_score(example.population()).iloc[0]
    printed = {"attention": 11.0, "activation": 1.22, "norm": 1.10, "context": 1.5}
    for name, weight in printed.items():
        assert round(first[f"weight_{name}"], 2) == weight
    assert round(first["score"], 2) == 3.71


def test_the_other_reading_of_the_mean_does_not_give_it():
    # By hand: (55/40 + 55/10 + 55/5) / 3 / 2 = 2.979 in place of 1.5.
    first = rarity_score(example.population(), attention_mean="values").iloc[0]
    assert first["weight_context"] == pytest.approx((55 / 40 + 55 / 10 + 55 / 5) / 3 / 2)
    assert round(first["score"], 2) == 4.08


def test_context_by_inverse_frequency_by_hand():
    models = table(context=[1024, 1024, 1024, 8192])
    weights = rarity_score(models, "inverse_frequency")["weight_context"]
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1.0])  # (4/3)/4 and 4/4, x 1


def test_one_model_alone_scores_one():
    assert rarity_score(table(attention=["MLA"])).iloc[0].tolist() == [1.0] * 5


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=60))
def test_the_mean_weight_is_the_number_of_distinct_values(kinds):
    assert inverse_frequency(pd.Series(kinds)).mean() == pytest.approx(len(set(kinds)))


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 2**20)), min_size=2, max_size=40))
def test_the_order_of_the_rows_changes_nothing(rows):
    models = table(attention=[r[0] for r in rows], context=[r[1] for r in rows])
    shuffled = models.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(rarity_score(shuffled).sort_index(), rarity_score(models))


def test_scores_among_other_models():
    counted = table(attention=["GQA", "GQA", "MHA", "MHA"])
    own = rarity_score(table(attention=["GQA", "MLA"]), among=counted)
    assert own["weight_attention"].tolist() == [2.0, 4.0]  # MLA counts as one


def test_no_model_or_no_feature_is_refused():
    with pytest.raises(ValueError, match="at least one model"):
        rarity_score(table(attention=["GQA"]).iloc[:0])
    with pytest.raises(ValueError, match="attention, activation, norm, context"):
        rarity_score(table(attention=["GQA"]), features=("colour",))


def test_ten_thousand_rows_within_a_second_of_a_processor():
    rng = np.random.default_rng(0)
    models = table(attention=rng.choice(KINDS, 10_000), context=rng.integers(1, 2**20, 10_000))
    start = time.process_time()
    rarity_score(models)
    assert time.process_time() - start < 1


def versions(*rows):
    return pd.DataFrame(rows, columns=["name", "family", "size", "released"])


def test_the_filter_keeps_what_the_document_says():
    models = versions(
        ("Phi-4 14B", "Phi", 14, "2024-12-12"), ("Phi-3 14B", "Phi", 14, "2024-05-21"),
        ("Llama 3.1 70B", "Llama", 70, "2024-07"), ("Llama 3.3 70B", "Llama", 70, "2024-12-06"),
        ("Llama 3.1 8B", "Llama", 8, "2024-07-23"),
    )  # fmt: skip
    kept = latest(models)["name"].tolist()
    assert kept == ["Phi-4 14B", "Llama 3.3 70B", "Llama 3.1 8B"]
    assert "Llama 3.1 70B" in latest(models, keep=["Llama 3.1 70B"])["name"].tolist()
    with pytest.raises(ValueError, match="Llama 9"):
        latest(models, keep=["Llama 9"])


def test_class_bounds_are_inclusive():
    sizes = pd.DataFrame({"size": [6.9, 7, 20, 20.1, 32, 70, 72]})
    assert in_class(sizes, [7, 20])["size"].tolist() == [7, 20]
    assert in_class(sizes, [32, 70])["size"].tolist() == [32, 70]


def test_the_selection_is_the_top_and_the_baselines():
    models = pd.DataFrame({"name": list("edcba"), "score": [1.0, 2.0, 3.0, 3.0, 0.5]})
    chosen = select(models, 2, ["a", "b", "z"])
    assert chosen["name"].tolist() == ["b", "c", "a"]  # equal scores by name
    assert chosen["rank"].tolist() == [1, 2, 5]
    assert chosen["baseline"].tolist() == [True, False, True]


def test_bands():
    scores = pd.Series([10.01, 10.0, 5.0, 4.99])
    assert published_band(scores).tolist() == ["high", "moderate", "moderate", "low"]
    assert quantile_band(pd.Series(range(1, 11)), 0.5, 0.9).tolist() == (
        ["low"] * 5 + ["moderate"] * 4 + ["high"]
    )


def test_what_the_bands_of_the_example_would_take():
    weights = rarity_score(example.population())
    # By hand: 40 - (55/45 + 55/50 + 1.5) = 36.18, more than 55/2: at most one model in 55.
    assert weight_needed(weights.iloc[0], 10) == pytest.approx(40 - (55 / 45 + 55 / 50 + 1.5))
    # MLA, ReLU, not RMSNorm, 262K: (11 + 27.5 + 11 + 3) / 4.
    assert greatest(weights) == pytest.approx((11 + 27.5 + 11 + 3) / 4)


def test_no_model_of_the_high_band_is_one_that_the_document_puts_there():
    models = latest(read_models())
    scores = models.set_index("name").join(rarity_score(models.set_index("name")))["score"]
    cited = scores[scores.index.str.match(r"DeepSeek-R1-0528-Qwen3|Falcon3|GPT-OSS 20B")]
    assert len(cited) == 3
    assert (cited < 5).all()


def test_described_architectures_that_differ():
    wrong = example.misdescribed(read_models()).set_index(["model", "feature"])["found"].to_dict()
    assert wrong["Falcon3 7B", "norm"] == "RMSNorm"
    assert wrong["Phi-4 14B", "activation"] == "SwiGLU"
    assert wrong["GPT-OSS 20B", "attention"] == "GQA"
    assert wrong["Gemma 7B", "attention"] == "MHA"
    assert not [key for key in wrong if key[0].startswith(("Gemma 2", "Gemma 3", "Qwen"))]
