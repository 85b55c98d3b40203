"""Algorithm 4 against Marian's table in Transformers, and by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from brnb.algorithms.positions import position_shift, sinusoidal_positions


def test_the_table_is_marians():
    """Which has all sines first, and then all cosines."""
    theirs = MarianSinusoidalPositionalEmbedding(50, 16).create_weight()
    sines, cosines = theirs.chunk(2, dim=1)
    ours = sinusoidal_positions(50, 16)
    torch.testing.assert_close(ours[:, 0::2], sines)
    torch.testing.assert_close(ours[:, 1::2], cosines)


def test_by_hand():
    table = sinusoidal_positions(101, 4)
    assert table[0].tolist() == [0, 1, 0, 1]
    by_hand = [math.sin(100), math.cos(100), math.sin(1), math.cos(1)]  # 10000^(2/4) = 100
    assert table[100].tolist() == pytest.approx(by_hand, abs=1e-6)


@given(st.integers(0, 400), st.integers(-100, 100))
@settings(max_examples=30, deadline=None)
def test_a_shift_is_one_matrix_for_every_position(position, offset):
    """Eq. A.35, with a matrix that turns and does not stretch."""
    table, width = sinusoidal_positions(501, 8), 8
    if position + offset >= 0:
        shifted = position_shift(offset, width) @ table[position]
        torch.testing.assert_close(shifted, table[position + offset], atol=2e-5, rtol=0)
    matrix = position_shift(offset, width)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(width), atol=1e-6, rtol=0)


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="width = 7 is odd"):
        sinusoidal_positions(3, 7)
