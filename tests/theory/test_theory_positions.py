"""Sinusoids against Hugging Face's and by hand; the shift for every position."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from brnb.theory.positions import learned_bytes, shift_matrix, sinusoidal


def test_first_positions_by_hand():
    table = sinusoidal(3, 4)
    assert table[0].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(table[1], [0.841471, 0.540302, 0.0099998, 0.99995], atol=1e-6)


def test_values_are_those_of_marian():
    theirs = MarianSinusoidalPositionalEmbedding(40, 16).create_weight()
    halves = theirs.numpy().astype(float)  # sines first, then cosines
    ours = sinusoidal(40, 16)
    np.testing.assert_allclose(ours[:, 0::2], halves[:, :8], atol=1e-5)
    np.testing.assert_allclose(ours[:, 1::2], halves[:, 8:], atol=1e-5)


@given(st.integers(-50, 50), st.integers(1, 12))
def test_one_matrix_shifts_every_position(offset, half):
    table = sinusoidal(150, 2 * half)
    shifted = table[50:100] @ shift_matrix(offset, 2 * half).T
    np.testing.assert_allclose(shifted, table[50 + offset : 100 + offset], atol=1e-10)


def test_learned_positions_are_a_table():
    assert learned_bytes(512, 64, "fp16") == torch.nn.Embedding(512, 64).half().weight.nbytes
    with pytest.raises(ValueError, match="width = 5"):
        sinusoidal(4, 5)
