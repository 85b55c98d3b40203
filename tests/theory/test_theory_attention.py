"""Attention in numpy against PyTorch and Monte Carlo."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from brnb.theory.attention import (
    attention_weights,
    head_sum,
    multi_head,
    scaled_dot_product_attention,
    score_moments,
    value_gradient,
)

DRAW = np.random.default_rng(3)
Q, K, V = (DRAW.normal(size=shape) for shape in ((5, 8), (7, 8), (7, 6)))


def test_attention_is_pytorchs():
    theirs = F.scaled_dot_product_attention(*(torch.tensor(x)[None] for x in (Q, K, V)))[0]
    np.testing.assert_allclose(scaled_dot_product_attention(Q, K, V), theirs.numpy(), rtol=1e-12)


def test_rows_are_probabilities():
    weights = attention_weights(100 * Q, K)  # scores beyond what e^x would hold
    np.testing.assert_allclose(weights.sum(axis=-1), 1)
    assert (weights >= 0).all()


def test_permuting_positions_permutes_rows():
    x, P = Q[:, :6], np.eye(5)[[2, 0, 4, 1, 3]]
    ours = scaled_dot_product_attention(x, x, x)
    np.testing.assert_allclose(
        scaled_dot_product_attention(P @ x, P @ x, P @ x), P @ ours, rtol=1e-12
    )
    np.testing.assert_allclose(scaled_dot_product_attention(x, P @ x, P @ x), ours, rtol=1e-12)
    features = np.eye(6)[[3, 0, 5, 1, 4, 2]]  # what A.2 prints holds of features
    np.testing.assert_allclose(
        scaled_dot_product_attention(x @ features, x @ features, x @ features),
        ours @ features,
        rtol=1e-12,
    )


def test_multi_head_is_pytorchs():
    x, maps = DRAW.normal(size=(5, 12)), [DRAW.normal(size=(12, 12)) for _ in range(4)]
    theirs = torch.nn.MultiheadAttention(12, 3, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.tensor(np.concatenate([m.T for m in maps[:3]])))
        theirs.out_proj.weight.copy_(torch.tensor(maps[3].T))
        inputs = torch.tensor(x)[None]
        output, weights = theirs(inputs, inputs, inputs, average_attn_weights=False)
    np.testing.assert_allclose(multi_head(x, x, x, tuple(maps), 3), output[0], rtol=1e-10)
    np.testing.assert_allclose(
        head_sum(x, weights[0].numpy(), maps[2], maps[3]), output[0], rtol=1e-10
    )


def test_moments_of_scores_by_monte_carlo():
    q, k = DRAW.normal(size=(2, 200_000, 64))
    products = (q * k).sum(axis=-1)
    mean, variance = score_moments(64)
    assert products.mean() == pytest.approx(mean, abs=4 * 8 / np.sqrt(200_000))
    assert products.var() == pytest.approx(variance, rel=0.02)
    assert (products / 8).var() == pytest.approx(score_moments(64, scaled=True)[1], rel=0.02)


def test_gradient_of_values_is_autograds():
    values = torch.tensor(V, requires_grad=True)
    upstream = DRAW.normal(size=(5, 6))
    output = F.scaled_dot_product_attention(torch.tensor(Q), torch.tensor(K), values)
    output.backward(torch.tensor(upstream))
    ours = value_gradient(attention_weights(Q, K), upstream)
    np.testing.assert_allclose(ours, values.grad.numpy(), rtol=1e-10)


def test_unlike_widths_and_heads_are_refused():
    with pytest.raises(ValueError, match="q has width 8, k has 6"):
        scaled_dot_product_attention(Q, V, V)
    with pytest.raises(ValueError, match="heads = 5"):
        multi_head(Q, Q, Q, (np.eye(8),) * 4, 5)
