"""Pages and padding against Monte Carlo and published shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory.paging import expected_paged_waste, paged_waste, pages, reserved_waste
from brnb.theory.serving import (
    busy_share,
    continuous_schedule,
    exponential_utilisation,
    mean_latency,
    padded_schedule,
    padding_utilisation,
    throughput,
)

RANDOM = np.random.default_rng(0)


@given(st.lists(st.integers(1, 500), min_size=1), st.integers(1, 64))
def test_pages_hold_all_tokens_and_less_than_one_page_more(lengths, page):
    allocated = pages(lengths, page) * page
    empty = allocated - np.array(lengths)
    assert ((empty >= 0) & (empty < page)).all()
    assert paged_waste(lengths, page) == pytest.approx(empty.sum() / allocated.sum())


def test_waste_of_pages_is_under_four_percent():
    lengths = RANDOM.integers(1, 600, 20_000)
    assert paged_waste(lengths, 16) == pytest.approx(expected_paged_waste(300, 16), abs=2e-3)
    assert paged_waste(lengths, 16) < 0.04  # as Kwon et al. (2023) measure
    assert reserved_waste(lengths, 2048) > 0.6
    assert reserved_waste([2048, 1024], 2048) == 0.25


@pytest.mark.parametrize("batch", [2, 3, 8, 32])
def test_padding_of_exponential_lengths(batch):
    lengths = RANDOM.exponential(size=(40_000, batch))
    measured = lengths.mean() / lengths.max(axis=1).mean()
    assert exponential_utilisation(batch) == pytest.approx(measured, rel=0.02)
    harmonic = sum(1 / i for i in range(1, batch + 1))
    assert exponential_utilisation(batch) == pytest.approx(1 / harmonic, rel=1e-4)


def test_a_cut_exponential_and_the_texts_share():
    lengths = RANDOM.exponential(size=400_000)
    cut = lengths[lengths < 1][:200_000].reshape(-1, 8)
    measured = cut.mean() / cut.max(axis=1).mean()
    assert exponential_utilisation(8, cutoff=1.0) == pytest.approx(measured, rel=0.02)
    assert 0.6 < exponential_utilisation(2) < 0.7  # the text's, of two sequences
    assert exponential_utilisation(8) < 0.4


def test_padding_of_a_batch():
    assert padding_utilisation([1, 2, 3]) == pytest.approx(6 / 9)
    assert padding_utilisation([5, 5]) == 1


def test_metrics_of_serving():
    assert throughput(8000, 4.0, 2) == 1000
    assert mean_latency([0.0, 1.0], [2.0, 5.0]) == 3
    assert busy_share(3.0, 4.0) == 0.75


def test_schedules_by_hand():
    lengths = [3, 1, 2, 4]
    padded, continuous = padded_schedule(lengths, 2), continuous_schedule(lengths, 2)
    assert (padded.starts, padded.ends) == ((0, 0, 3, 3), (3, 1, 5, 7))
    assert (continuous.starts, continuous.ends) == ((0, 0, 1, 3), (3, 1, 3, 7))
    assert padded.utilisation == continuous.utilisation == 10 / 14
    assert padded.tokens == 10


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(1, 6))
def test_continuous_batching_is_never_slower_and_near_the_bound(lengths, slots):
    padded, continuous = padded_schedule(lengths, slots), continuous_schedule(lengths, slots)
    bound = max(-(-sum(lengths) // slots), max(lengths))
    assert bound <= continuous.steps <= padded.steps
    assert continuous.steps <= (2 - 1 / slots) * bound  # Graham (1966), list scheduling
    assert sum(lengths) == continuous.tokens == padded.tokens


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="request 1 ends before it starts"):
        mean_latency([0, 5], [1, 4])
    with pytest.raises(ValueError, match="reserved = 8: a sequence has 9 tokens"):
        reserved_waste([9], 8)
    with pytest.raises(ValueError, match="page = 0"):
        pages([1], 0)
    with pytest.raises(ValueError, match="lengths is empty"):
        pages([], 16)
    with pytest.raises(ValueError, match="busy / total = 2"):
        busy_share(2.0, 1.0)
