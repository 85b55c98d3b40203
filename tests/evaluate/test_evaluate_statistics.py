import math
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.evaluate.statistics import (
    compare,
    holm,
    mean_and_deviation,
    percentiles,
    relative_gain,
    supported,
    together,
)

# Darwin's plants, the differences in eighths of an inch (Fisher, 1935, section 21): 863 of the
# 32768 sums are as great as the observed one, so 1726 as far from 0
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_mean_and_deviation_of_table_13() -> None:
    # 5, 7 and 10 of 200 answers are one way to the published EM of the baseline
    mean, deviation = mean_and_deviation([5 / 200, 7 / 200, 10 / 200])
    assert f"{mean:.3f}±{deviation:.3f}" == "0.037±0.013"
    assert mean_and_deviation([2, 4, 4, 4, 5, 5, 7, 9]) == (5.0, pytest.approx(math.sqrt(32 / 7)))
    assert math.isnan(mean_and_deviation([1.0])[1])


def test_the_gain_comes_from_unrounded_means() -> None:
    assert f"{relative_gain(22 / 600, 54 / 600):+.0%}" == "+145%"  # published
    assert f"{relative_gain(0.037, 0.090):+.0%}" == "+143%"
    assert math.isnan(relative_gain(0.0, 0.5))
    found = compare([0, 0, 1], [1, 1, 1])
    assert found.gain == pytest.approx(2.0)


def test_permutation_test_of_darwins_plants() -> None:
    found = compare([0] * 15, DARWIN)
    assert found.p_value == found.p_adjusted == 1726 / 32768
    assert found.difference == pytest.approx(314 / 15)


def test_random_signs_agree_with_the_binomial() -> None:
    # 20 of 30 differences of one size are positive: the test is the sign test
    exact = 2 * sum(comb(30, k) for k in range(20, 31)) / 2**30
    scores = np.repeat([1.0, 0.0], [20, 10])
    found = compare(1 - scores, scores, resamples=40_000)
    assert found.p_value == pytest.approx(exact, abs=0.006)  # 4 standard errors


def test_ties_do_not_count_and_a_p_value_is_never_zero() -> None:
    assert compare(DARWIN + [3] * 50, [0] * 15 + [3] * 50).p_value == 1726 / 32768
    assert compare([1, 2], [1, 2]).p_value == 1
    assert compare([0.1] * 30, [0.4] * 30, resamples=999).p_value == 1 / 1000


def test_bootstrap_interval_agrees_with_the_binomial() -> None:
    # 30 of 100 items gain 1: resampled means are Binomial(100, 0.3) / 100
    def quantile(share: float) -> int:
        below = 0.0
        for k in range(101):
            below += comb(100, k) * 0.3**k * 0.7 ** (100 - k)
            if below >= share:
                return k
        raise AssertionError

    found = compare([0] * 100, [1] * 30 + [0] * 70, resamples=50_000)
    assert (found.low, found.high) == pytest.approx((quantile(0.025) / 100, quantile(0.975) / 100))
    assert quantile(0.025) == 21
    half = compare([0] * 100, [1] * 30 + [0] * 70, resamples=50_000, confidence=0.5)
    assert (half.low, half.high) == pytest.approx((quantile(0.25) / 100, quantile(0.75) / 100))


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for trial in range(300):
        gains = rng.normal(0.3, 1.0, 60)
        found = compare(np.zeros(60), gains, seed=trial, resamples=600)
        inside += found.low <= 0.3 <= found.high
    assert 0.90 <= inside / 300 <= 0.98


def test_scores_of_one_item_stay_together() -> None:
    before, after = np.zeros(40), np.random.default_rng(3).normal(0.3, 1, 40)
    single = compare(before, after)
    items = [f"q{i}" for i in range(40)]
    doubled = compare([*before, *before], [*after, *after], [*items, *items])
    assert (doubled.low, doubled.high) == pytest.approx((single.low, single.high))
    assert (doubled.p_value, doubled.items) == (single.p_value, 40)
    counted_twice = compare([*before, *before], [*after, *after])
    shrunk = (counted_twice.high - counted_twice.low) / (single.high - single.low)
    assert shrunk == pytest.approx(1 / math.sqrt(2), rel=0.05)


def test_items_weigh_by_their_scores() -> None:
    found = compare([0, 0, 0], [1, 1, 4], ["a", "a", "b"])
    assert found.difference == 2
    assert (found.low, found.high) == (1, 4)  # twice "a", twice "b"


def test_the_same_seed_gives_the_same_result() -> None:
    gains = np.random.default_rng(0).normal(0.2, 1, 1000)
    first = compare(np.zeros(1000), gains, seed=1)
    assert first == compare(np.zeros(1000), gains, seed=1)
    assert first != compare(np.zeros(1000), gains, seed=2)


def test_holm_by_hand() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") in R
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, p * len(p_values)) + 1e-12


def test_claims_are_supported_where_the_interval_excludes_zero() -> None:
    clear = compare([0.0] * 30, np.linspace(0.2, 0.4, 30))
    assert supported(clear)
    assert supported(compare(np.linspace(0.2, 0.4, 30), [0.0] * 30))  # a loss is a finding too
    assert not supported(compare([0] * 15, DARWIN, confidence=0.99))
    assert not supported(compare([0.3], [0.9]))  # one item: the interval is a point
    assert not supported(compare([1, 1], [1, 1]))


def test_claims_made_together_are_corrected() -> None:
    gains = np.repeat([1.0, -1.0], [21, 9])  # sign test: p = 0.043
    claim = compare(np.zeros(30), gains)
    assert 0.025 < claim.p_value < 0.05
    assert supported(claim)
    family = together({"em": claim, "f1": claim})
    assert family["em"].p_adjusted == 2 * claim.p_value
    assert not supported(family["em"])
    assert family["f1"].p_value == claim.p_value


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_swapping_the_systems_mirrors_the_comparison(scores: list[tuple[float, float]]) -> None:
    one, other = np.array(scores).T
    forth, back = compare(one, other, resamples=200), compare(other, one, resamples=200)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))
    assert back.p_value == forth.p_value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare([1, 2], [1]), "2 scores of the baseline, 1 of the adapted"),
        (lambda: compare([1, 2], [1, 2], ["a"]), "1 items do not pair up"),
        (lambda: compare([], []), "baseline: one number for each item"),
        (lambda: compare([1, math.nan], [1, 2]), "baseline: number 1 is nan"),
        (lambda: compare([1], [1], confidence=95), "confidence 95"),
        (lambda: mean_and_deviation([]), "values: one number"),
        (lambda: holm([0.5, 1.5]), "must lie in"),
    ],
)
def test_errors(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_percentiles_leave_half_of_the_rest_at_each_end():
    draws = np.arange(101.0)
    assert percentiles(draws, 0.9) == pytest.approx([5, 95])
    columns = percentiles(np.stack([draws, 2 * draws], axis=1), 0.5)
    assert columns == pytest.approx(np.array([[25, 50], [75, 150]]))
