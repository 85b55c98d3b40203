"""Algorithm 16 against the gradient of the whole batch."""

import pytest
import torch
from torch import nn

from brnb.algorithms.accumulation import accumulated_gradients


def mean_square(model, batch):
    x, y = batch
    return ((model(x).float() - y) ** 2).mean()


@pytest.fixture
def case():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))
    return model, torch.randn(24, 5), torch.randn(24, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_parts_give_the_gradient_of_the_whole(case, count):
    model, x, y = case
    mean_square(model, (x, y)).backward()
    parts = list(zip(x.chunk(count), y.chunk(count), strict=True))
    found = accumulated_gradients(model, parts, mean_square, scale=2.0**16)
    for gradient, weight in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(gradient, weight.grad)


def test_in_16_bits_it_is_close(case):
    """bf16 has eight binary digits: roundings of 2^-9."""
    model, x, y = case
    mean_square(model, (x, y)).backward()
    parts = list(zip(x.chunk(4), y.chunk(4), strict=True))
    found = accumulated_gradients(model, parts, mean_square, 2.0**8, torch.bfloat16)
    for gradient, weight in zip(found, model.parameters(), strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - weight.grad).norm() < 8 * 2**-9 * weight.grad.norm()


def test_parts_of_unequal_size_are_not_the_whole(case):
    model, x, y = case
    mean_square(model, (x, y)).backward()
    parts = [(x[:2], y[:2]), (x[2:], y[2:])]
    found = accumulated_gradients(model, parts, mean_square)
    assert not torch.allclose(found[0], next(model.parameters()).grad)
