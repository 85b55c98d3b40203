"""Shared n-grams beside the intersection of Python's counters."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.evaluate import ngrams
from brnb.evaluate.ngrams import numbered, shared_ngrams

SEQUENCE = st.lists(st.integers(0, 3), max_size=12)


def by_counting(one, other, n):
    grams = [Counter(zip(*(text[i:] for i in range(n)), strict=False)) for text in (one, other)]
    return (grams[0] & grams[1]).total()


def counted(pairs, orders):
    symbols, lengths = numbered([text for pair in pairs for text in pair])
    return shared_ngrams(symbols, lengths.reshape(-1, 2), orders).tolist()


@given(st.lists(st.tuples(SEQUENCE, SEQUENCE), max_size=8), st.integers(1, 7))
def test_they_are_those_that_both_counters_hold(pairs, orders):
    expected = [[by_counting(*pair, n) for n in range(1, orders + 1)] for pair in pairs]
    assert counted(pairs, orders) == expected


@pytest.mark.parametrize("symbols", [2, 300, 5000, 300_000])
def test_an_alphabet_may_be_too_large_for_one_key(symbols):
    """62 bits hold six symbols of 1,000 kinds, three of a million."""
    draw = np.random.default_rng(symbols)
    pairs = []
    for size in (0, 1, 5, 2000):
        one = draw.integers(symbols, size=size)
        other = np.where(draw.random(size) < 0.8, one, draw.integers(symbols, size=size))
        pairs.append((one.tolist(), other.tolist()))
    symbols = np.array([x for pair in pairs for text in pair for x in text])
    lengths = np.array([[len(one), len(other)] for one, other in pairs])
    expected = [[by_counting(*pair, n) for n in range(1, 9)] for pair in pairs]
    assert shared_ngrams(symbols, lengths, 8).tolist() == expected


def test_pairs_of_any_length_are_counted_in_any_portion(monkeypatch):
    pairs = [("abcabc" * k, "bcab" * (9 - k)) for k in range(9)]
    whole = counted(pairs, 4)
    monkeypatch.setattr(ngrams, "AREA", 20)
    assert counted(pairs, 4) == whole
