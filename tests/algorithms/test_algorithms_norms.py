"""The lecture's norms against PyTorch's, and its QK-norm against the model's."""

import math

import pytest
import torch
from model_forms import build
from model_kinds import BASE
from torch import nn

from brnb.algorithms.norms import RMSNorm, qk_norm_attention


@pytest.mark.parametrize("gain", [True, False])
def test_the_printed_rmsnorm_is_pytorchs(gain):
    printed = RMSNorm([12], element_affine=gain).double()
    theirs = nn.RMSNorm([12], eps=1e-5, elementwise_affine=gain).double()
    assert (printed.gamma is None) is not gain
    if gain:
        with torch.no_grad():
            printed.gamma.normal_()
            theirs.weight.copy_(printed.gamma)
    x = torch.randn(5, 7, 12, dtype=torch.float64, requires_grad=True)
    y, expected = printed(x), theirs(x)
    torch.testing.assert_close(y, expected, rtol=1e-13, atol=1e-13)
    d = torch.randn_like(y)
    ours, known = (torch.autograd.grad(out, [x], d)[0] for out in (y, expected))
    torch.testing.assert_close(ours, known, rtol=1e-12, atol=1e-13)


def test_of_several_axes_the_printed_rmsnorm_is_another():
    x = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
    by_row = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]) / math.sqrt(12.5)
    torch.testing.assert_close(RMSNorm((2, 2), eps=0.0 + 1e-12)(x), by_row)
    torch.testing.assert_close(nn.RMSNorm((2, 2), eps=1e-12)(x), by_row * math.sqrt(2))


def test_the_models_l2_norm_is_the_printed_qk_norm():
    attention = build(**BASE | {"qk_norm": "l2", "layers": 1}).double().blocks[0].attention
    x = torch.randn(1, 9, 24, dtype=torch.float64)
    y = attention(x, None, None, ())[0]
    q, k, v = (m(x)[0].split(6, dim=-1) for m in (attention.query, attention.key, attention.value))
    last = [qk_norm_attention(q[h][-1:], k[h], v[h]) for h in range(4)]  # it sees all tokens
    torch.testing.assert_close(y[0, -1:], attention.out(torch.cat(last, -1)))
