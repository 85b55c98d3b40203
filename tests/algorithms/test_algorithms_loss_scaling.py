"""Algorithms 9 and 22 against torch.amp's GradScaler, on a run with planted overflows."""

import math

import pytest
import torch
from torch import nn

from brnb.algorithms.loss_scaling import AdaptiveScale, DynamicScale, scaled_step

OVERFLOWS = {0, 1, 2, 3, 30}
STEPS = 60


def run(step):
    """Weights and factor after every step of a small regression; some losses are infinite."""
    torch.manual_seed(0)
    model, x, y = nn.Linear(3, 1), torch.randn(8, 3), torch.randn(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    history = []
    for i in range(STEPS):
        planted = math.inf if i in OVERFLOWS else 1.0

        def loss(planted=planted):
            return ((model(x) - y) ** 2).mean() * planted

        scale = step(loss, model, optimizer)
        history.append((scale, model.weight.detach().clone()))
    return history


def ours(scaler):
    def step(loss, model, optimizer):
        scaled_step(loss, model.parameters(), optimizer.step, scaler)
        return scaler.scale

    return run(step)


def pytorchs(interval):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16, growth_interval=interval)

    def step(loss, model, optimizer):
        optimizer.zero_grad()
        scaler.scale(loss()).backward()
        scaler.step(optimizer)
        scaler.update()
        return scaler.get_scale()

    return run(step)


def test_dynamic_is_pytorchs_with_one_good_step_more_up_to_its_bound():
    """4 overflows lower the factor to 2^12; 8 good steps double it; 2^16 is never exceeded."""
    found, expected = ours(DynamicScale(interval=7)), pytorchs(interval=8)
    for (scale, weight), (their_scale, their_weight) in zip(found, expected, strict=True):
        assert scale == min(their_scale, 2.0**16)
        torch.testing.assert_close(weight, their_weight)
    assert [found[i][0] for i in (3, 10, 11, 29, 30)] == [2**12, 2**12, 2**13, 2**15, 2**14]
    assert found[-1][0] == 2**16


def test_adaptive_counts_steps_and_not_good_ones_in_a_row():
    """It doubles at every tenth step, 30 as well, right before an overflow and soon after four."""
    scales = [scale for scale, _ in ours(AdaptiveScale(growth_interval=10))]
    assert [scales[i] for i in (3, 8, 9, 19, 29, 30, 39)] == [
        2**12, 2**12, 2**13, 2**14, 2**15, 2**14, 2**15
    ]  # fmt: skip
    theirs = [scale for scale, _ in pytorchs(interval=10)]
    assert [theirs[i] for i in (9, 13)] == [2**12, 2**13]


def test_a_skipped_step_changes_nothing_and_scaling_does_not_change_gradients():
    """Eq. A.65: weights are those of plain SGD that leaves the same steps out."""

    def plain(loss, model, optimizer):
        optimizer.zero_grad()
        loss().backward()
        if all(weight.grad.isfinite().all() for weight in model.parameters()):
            optimizer.step()

    for (_, weight), (_, expected) in zip(ours(DynamicScale()), run(plain), strict=True):
        torch.testing.assert_close(weight, expected)


def test_the_factor_saves_a_gradient_that_fp16_cannot_hold():
    """2^-30 is less than half of FP16's smallest number, 2^-24."""
    gradient = torch.tensor(2.0**-30, dtype=torch.float64)
    assert gradient.half() == 0
    assert (gradient * DynamicScale().scale).half().double() / 2**16 == pytest.approx(2.0**-30)
