"""Intervals cover as often as they say: simulated, and against published and hand calculation."""

import math

import numpy as np
import pytest
from scipy import stats

from brnb.evaluate.intervals import ratio_interval, welch_interval
from brnb.evaluate.statistics import compare, few_pairs
from brnb.studies.law import Law, fit_law

TRIALS = 300  # the standard error of a coverage of 0.95 is 0.013


def test_few_pairs_are_agresti_and_mins_interval():
    # 3 gains and 1 loss among 12: (3 - 1) / 14, variance ((4 + 1) / 14 - (2 / 14)^2) / 14, and
    # Student's quantile of 13 degrees of freedom
    reach = 2.160369 * math.sqrt((5 / 14 - (2 / 14) ** 2) / 14)
    assert few_pairs([1] * 3 + [-1] + [0] * 8, 0.95) == pytest.approx(
        (2 / 14 - reach, 2 / 14 + reach)
    )
    same = few_pairs([0] * 12, 0.95)  # nothing changed, and something may
    assert same[0] < 0 < same[1]


@pytest.mark.parametrize("items", [12, 20])
@pytest.mark.parametrize(("before", "after"), [(0.05, 0.2), (0.4, 0.5)])
def test_few_right_and_wrong_answers_are_covered(items, before, after):
    random = np.random.default_rng(items)
    inside = 0
    for _ in range(TRIALS):
        luck = random.random((2, items))
        told = compare(luck[0] < before, luck[1] < after, resamples=20)
        inside += told.low <= after - before <= told.high
    assert inside / TRIALS >= 0.93


@pytest.mark.parametrize("count", [2, 3, 9])
def test_a_ratio_of_few_items_has_students_interval(count):
    bits = np.random.default_rng(count).normal(1.5, 0.2, count)
    told = stats.ttest_1samp(bits, 0).confidence_interval(0.95)
    assert ratio_interval(bits, np.ones(count), 300, 0, 0.95) == pytest.approx(told)


def test_three_documents_of_a_register_have_no_interval_of_thousands():
    low, high = ratio_interval([900.0, 2100.0, 1200.0], [1000.0, 2000.0, 1300.0], 2000, 13, 0.95)
    assert 0.5 < low < 4200 / 4300 < high < 1.5


def test_one_group_is_welchs_interval_of_scipy():
    old, new = [0.9, 1.1, 1.4, 0.7, 1.0], [1.9, 1.2, 1.6, 2.4]
    change, low, high = welch_interval([old], [new], 0.95)
    told = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    assert change == pytest.approx(np.mean(new) - np.mean(old))
    assert (low, high) == pytest.approx((told.low, told.high))


def test_prompts_that_differ_widen_nothing():
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(TRIALS):
        prompts = random.normal(0, 1, 2)  # as much as the seeds do
        old, new = (
            [prompt + shift + random.normal(0, 1, 5) for prompt in prompts] for shift in (0.0, 0.5)
        )
        _, low, high = welch_interval(old, new, 0.95)
        inside += low <= 0.5 <= high
    assert 0.92 <= inside / TRIALS <= 0.98


def test_documents_of_skewed_sizes_are_covered():
    random = np.random.default_rng(5)
    inside = 0
    for trial in range(150):
        sizes = random.lognormal(0, 1.5, 150)
        bits = sizes * random.normal(2.0, 0.6, 150)
        low, high = ratio_interval(bits, sizes, 300, trial, 0.95)
        inside += low <= 2.0 <= high
    assert inside / 150 >= 0.9
    assert ratio_interval([2.0, 4.0], [1.0, 2.0], 100, 0, 0.95) == (2.0, 2.0)


def test_six_trainings_cover_their_law():
    sizes = np.geomspace(1e6, 1e8, 6)
    law = Law(0.0, 12.0, 0.07)
    random = np.random.default_rng(7)
    inside = ahead = 0
    for trial in range(60):
        losses = law.loss(sizes) * (1 + random.normal(0, 0.01, 6))
        fit = fit_law(sizes, losses, floor=False, resamples=120, confidence=0.95, seed=trial)
        low, high = fit.interval("exponent")
        inside += low <= 0.07 <= high
        low, high = fit.band(4e8)
        ahead += low[0] <= law.loss(4e8) <= high[0]
    assert min(inside, ahead) / 60 >= 0.88  # 0.85 before


def test_few_documents_have_no_interval_of_rounding_errors():
    """A draw of one document three times has an error of zero, in floats of 1e-9 or so."""
    sizes = np.array([1013.0, 2741.0, 3967.0])
    for bits in ([1.05, 1.09, 1.14], [0.92, 0.97, 0.95], [1.31, 1.17, 1.22]):
        low, high = ratio_interval(np.array(bits) * sizes, sizes, 1000, 13, 0.95)
        assert 0 < low < min(bits) * 1.1
        assert max(bits) * 0.9 < high < 3


def test_two_documents_have_students_interval():
    parts, wholes = [3.0, 5.0], [2.0, 2.0]
    low, high = ratio_interval(parts, wholes, 1000, 13, 0.95)
    spread = stats.sem([1.5, 2.5])
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 1, loc=2, scale=spread))
