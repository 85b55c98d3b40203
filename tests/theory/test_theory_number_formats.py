"""Formats against torch.finfo, softmax against SciPy, scaled gradients against autograd."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from brnb.theory.number_formats import FORMATS, number_range, scaled_loss, stable_softmax


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)],
)
def test_formats_are_pytorchs(name, dtype):
    ours, theirs = FORMATS[name], torch.finfo(dtype)
    assert (ours.largest, ours.epsilon) == (theirs.max, theirs.eps)
    assert ours.smallest == theirs.smallest_normal * theirs.eps


def test_ranges_of_the_dissertation():
    assert number_range("fp16") == (2**-24, 65504)  # A.61: 6e-8, 6.5e4
    assert number_range("fp32") == pytest.approx((1.4e-45, 3.4e38), rel=0.01)  # A.62
    with pytest.raises(ValueError, match="dtype 'fp8' is unknown"):
        number_range("fp8")


@pytest.mark.parametrize("name", ["fp32", "fp16"])
def test_exponentials_overflow_where_it_says(name):
    dtype = {"fp32": np.float32, "fp16": np.float16}[name]
    limit = np.log(FORMATS[name].largest)
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(dtype(limit * 1.001)))
    assert np.isfinite(np.exp(dtype(limit * 0.999)))


def test_softmax_is_scipys_where_the_naive_one_overflows():
    scores = np.array([[1000.0, 999.0, -1000.0], [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(stable_softmax(scores), softmax(scores, axis=-1), rtol=1e-12)


def test_scaled_gradients_divide_back():
    weight = torch.tensor([1e-3, 2.0], requires_grad=True)
    loss = (weight**2).sum()
    (plain,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (scaled,) = torch.autograd.grad(loss * 2.0**16, weight)
    assert torch.equal(scaled / 2.0**16, plain)
    assert scaled_loss(3.0) == 3 * 65536
    with pytest.raises(ValueError, match="scale = 0"):
        scaled_loss(1.0, 0)
