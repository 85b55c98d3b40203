"""Algorithms 2, 3, 5 against PyTorch's own attention."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from brnb.algorithms.attention import (
    causal_mask,
    masked_attention,
    masked_attention_weights,
    multi_head_attention,
    shifted_softmax,
)


def test_attention_is_pytorchs():
    q, k, v = torch.randn(2, 7, 8), torch.randn(2, 9, 8), torch.randn(2, 9, 5)
    torch.testing.assert_close(masked_attention(q, k, v), F.scaled_dot_product_attention(q, k, v))


def test_causal_attention_is_pytorchs():
    q, k, v = torch.randn(3, 2, 3, 11, 8)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(masked_attention(q, k, v, causal_mask(11)), expected)


def test_several_heads_are_pytorchs():
    theirs = nn.MultiheadAttention(12, 3, bias=False, batch_first=True)
    x = torch.randn(2, 6, 12)
    weights = tuple(part.T for part in (*theirs.in_proj_weight.chunk(3), theirs.out_proj.weight))
    ours = multi_head_attention(x, x, x, 3, weights)
    torch.testing.assert_close(ours, theirs(x, x, x, need_weights=False)[0])


def test_heads_that_do_not_divide_the_width_are_refused():
    x = torch.zeros(2, 10)
    with pytest.raises(ValueError, match="d_model = 10 cannot be split over heads = 3"):
        multi_head_attention(x, x, x, 3, (torch.eye(10),) * 4)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_weights_are_probabilities(n, m, seed):
    torch.manual_seed(seed)
    weights = masked_attention_weights(10 * torch.randn(n, 4), 10 * torch.randn(m, 4))
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(n))


@given(st.permutations(range(6)))
@settings(max_examples=25, deadline=None)
def test_a_permutation_of_tokens_permutes_the_output(order):
    """Eq. A.2, which the text multiplies from the wrong side."""
    x = torch.arange(24.0).sin().reshape(6, 4)
    torch.testing.assert_close(
        masked_attention(x[order], x[order], x[order]), masked_attention(x, x, x)[order]
    )


def test_softmax_of_scores_beyond_fp32_exponentials():
    """exp(1000) has no finite fp32; the difference of 1 gives the logistic of 1, 0.7310586."""
    weights = shifted_softmax(torch.tensor([1000.0, 999.0]))
    torch.testing.assert_close(weights[0].item(), 0.7310586, rtol=1e-6, atol=0)
