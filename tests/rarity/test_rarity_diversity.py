"""Distances by hand, selections by exhaustive search, resampling that repeats."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.rarity import read_models
from brnb.rarity.diversity import (
    compare_choices,
    coverage,
    gower,
    max_min,
    presence,
    radius,
    random_sets,
)
from brnb.rarity.score import latest, rarity_score
from brnb.rarity.sensitivity import bootstrap, leave_one_out, variants


@pytest.fixture(scope="module")
def models():
    found = latest(read_models())
    return found.join(rarity_score(found))


def rows(*names):
    return read_models().set_index("name").loc[list(names)].reset_index()


def test_gower_by_hand():
    # Falcon3 7B and Llama 3.1 8B differ in context (32K, 128K) and vocabulary (131072, 128256),
    # which two models alone put at the ends of both ranges: 2 of 10 features.
    distance = gower(rows("Falcon3 7B", "Llama 3.1 8B"))
    assert distance == pytest.approx(np.array([[0, 0.2], [0.2, 0]]))


def test_gower_leaves_out_what_one_model_lacks():
    pair = rows("Falcon3 7B", "Llama 3.1 8B")
    pair.loc[0, "vocab"] = pd.NA
    assert gower(pair)[0, 1] == pytest.approx(1 / 9)


def test_gower_is_a_bounded_symmetric_dissimilarity(models):
    distance = gower(models)
    assert (distance == distance.T).all()
    assert (distance.diagonal() == 0).all()
    assert distance.min() >= 0
    assert distance.max() <= 1


points = st.lists(st.integers(0, 100), min_size=4, max_size=9, unique=True)


@settings(max_examples=50)
@given(points, st.integers(2, 4))
def test_farthest_point_covers_within_twice_the_optimum(positions, n):
    x = np.array(positions, dtype=float)
    distance = np.abs(x[:, None] - x[None, :])
    chosen = max_min(distance, n)
    assert len(set(chosen)) == n

    def reach(some):
        return distance[:, list(some)].min(axis=1).max()

    best = min(reach(some) for some in combinations(range(len(x)), n))
    assert reach(chosen) <= 2 * best + 1e-9  # Gonzalez 1985


def test_farthest_point_by_hand():
    x = np.array([0.0, 1.0, 5.0, 10.0])
    distance = np.abs(x[:, None] - x[None, :])
    assert max_min(distance, 2, start=[0]) == [0, 3, 2]
    assert max_min(distance, 9, start=[0]) == [0, 3, 2, 1]


def test_coverage_and_radius_by_hand():
    values = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    assert coverage(values, [0]) == pytest.approx(1 / 3)
    assert coverage(values, [1, 2]) == 1
    distance = np.array([[0, 1, 4], [1, 0, 3], [4, 3, 0]], dtype=float)
    assert radius(distance, [0]) == pytest.approx((0 + 1 + 4) / 3)


def test_random_sets_repeat_with_their_seed():
    first = list(random_sets(20, 5, 50, seed=3, start=[4]))
    assert first == list(random_sets(20, 5, 50, seed=3, start=[4]))
    assert first != list(random_sets(20, 5, 50, seed=4, start=[4]))
    assert all(len(set(chosen)) == 6 and chosen[0] == 4 for chosen in first)


def test_choosing_everything_covers_everything(models):
    group = models[models["size"].between(32, 70)]
    end = compare_choices(group, [], [len(group)], 20, seed=0)
    assert (end["coverage"] == 1).all()
    assert (end["radius"] == 0).all()
    assert presence(group).any(axis=0).all()


def test_all_methods_agree_when_only_baselines_are_chosen(models):
    start = compare_choices(models, ["Llama 3.1 8B"], [0], 10, seed=0)
    assert start["coverage"].nunique() == 1


def test_leaving_a_feature_without_effect_out_keeps_the_choice():
    same = pd.DataFrame({"name": list("abcde"), "activation": ["GELU"] + ["SwiGLU"] * 4})
    same = same.assign(attention="GQA", norm="RMSNorm", context=1024, size=8.0)
    kept = leave_one_out(same, [7, 20], 1).set_index("feature")["kept"]
    assert kept[["attention", "norm", "context"]].tolist() == [1, 1, 1]


def test_the_first_reading_is_the_reference(models):
    readings = variants(models, [7, 20], 8)
    assert len(readings) == 4
    assert readings.loc[0, ["kept", "rank_corr"]].tolist() == pytest.approx([1, 1])


def test_bootstrap_repeats_and_finds_the_certain(models):
    first = bootstrap(models, [7, 20], 8, 40, seed=1)
    pd.testing.assert_frame_equal(first, bootstrap(models, [7, 20], 8, 40, seed=1))
    assert first["chosen"].between(0, 1).all()
    everyone = bootstrap(models, [32, 70], 100, 10, seed=1)
    assert (everyone["chosen"] == 1).all()
