"""Patterns against Hugging Face's Longformer and counted pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory import sparse_patterns as s

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 70), st.integers(0, 6), st.integers(0, 5))


@given(SIZES)
def test_pairs_bound_those_of_the_mask(sizes):
    n, window, count, random = sizes
    count = min(count, n)
    assert s.window_mask(n, window).sum() == s.window_pairs(n, window)
    mask = s.longformer_mask(n, window, range(count))
    for row in mask:
        row[np.random.default_rng(0).choice(n, size=min(random, n), replace=False)] = True
    assert mask.sum() <= s.sparse_pairs(n, window, count, random)
    alone = np.zeros((n, n), bool)
    alone[:count], alone[:, :count] = True, True
    assert alone.sum() == s.global_pairs(n, count)


def test_a_pattern_by_hand():
    drawn = ["".join("x" if cell else "." for cell in row) for row in s.longformer_mask(5, 2, [0])]
    assert drawn == ["xxxxx", "xxx..", "xxxx.", "x.xxx", "x..xx"]
    printed = s.printed_longformer_mask(5, 2, [0])
    assert printed[0].tolist() == [True, True, False, False, False]
    assert printed[:, 0].all()


def test_growth_is_linear():
    n = np.array([1e4, 2e4, 4e4])
    pairs = s.sparse_pairs(n, 512, 2, 3)
    np.testing.assert_allclose(pairs[1:] / pairs[:-1], 2, rtol=0.02)
    np.testing.assert_allclose(s.printed_sparse_pairs(n, 512, 2, 3), n * 517)


def test_the_textual_threshold_is_empty_from_500_tokens():
    # A row adds up to 1, so that at most 100 of its weights reach 0.01: 80% of 500 never do.
    weights = np.random.default_rng(0).dirichlet(np.full(500, 50.0), size=20)
    assert s.sparsity(weights, 0.01) >= 0.8
    even = np.full((1, 99), 1 / 99)
    assert s.sparsity(even, 0.01) == 0
    with pytest.raises(ValueError, match="epsilon = 0"):
        s.sparsity(even, 0)
