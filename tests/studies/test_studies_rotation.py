"""RoPE's products depend on the distance alone, also as complex numbers give them."""

import cmath

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.studies.rotation import THETA, largest_disagreement, scores_by_distance


@settings(max_examples=20, deadline=None)
@given(head_dim=st.sampled_from([8, 32, 64]), seed=st.integers(0, 99), origin=st.integers(1, 60))
def test_two_origins_agree_at_every_distance(head_dim, seed, origin):
    scores = scores_by_distance(head_dim, 64, seed, (0, origin))
    assert largest_disagreement(scores) < 1e-4


def test_a_score_is_a_product_of_complex_numbers():
    """Re sum q_i conj(k_i) e^{i (m - n) theta_i} (Su et al., 2021, Eq. 12 for every pair)."""
    d, seed = 16, 3
    q, k = torch.randn(2, d, generator=torch.Generator().manual_seed(seed)).tolist()
    score = scores_by_distance(d, 40, seed, (4, 9))[9][21]
    half = d // 2
    expected = sum(
        (complex(q[i], q[i + half]) * complex(k[i], k[i + half]).conjugate()
         * cmath.exp(-21j * THETA ** (-2 * i / d))).real
        for i in range(half)
    ) / d**0.5  # fmt: skip
    assert score == pytest.approx(expected, abs=1e-5)
