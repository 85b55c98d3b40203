"""Algorithm 8 against attention in fp64."""

import pytest
import torch
import torch.nn.functional as F

from brnb.algorithms.mixed_precision import half_precision_attention, mixed_precision_attention

FP16_ROUNDING = 2**-11  # half a unit in the last of eleven binary digits


def relative_error(found, q, k, v):
    exact = F.scaled_dot_product_attention(*(part.double() for part in (q, k, v)))
    return ((found.double() - exact).norm() / exact.norm()).item()


def test_close_to_attention_in_fp64():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 64, 32)
    assert relative_error(mixed_precision_attention(q, k, v), q, k, v) < 3 * FP16_ROUNDING


def test_large_scores_need_the_softmax_in_fp32():
    """e^12 > 65,504: the largest FP16."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 64, 32)
    q = 8 * q
    assert (q @ k.T / 32**0.5).max() > 12
    assert half_precision_attention(q, k, v).isfinite().logical_not().any()
    assert relative_error(mixed_precision_attention(q, k, v), q, k, v) < 20 * FP16_ROUNDING


@pytest.mark.parametrize("scale_first", [True, False])
def test_as_printed_a_product_overflows_that_scaling_saves(scale_first):
    """40 · 40 · 64 = 102,400, and an eighth of it is 12,800."""
    q, k = torch.full((1, 64), 40.0), torch.full((2, 64), 40.0)
    out = mixed_precision_attention(q, k, torch.ones(2, 64), scale_first)
    assert out.isfinite().all() == scale_first
