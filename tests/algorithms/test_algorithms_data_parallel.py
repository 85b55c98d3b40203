"""Algorithm 13: equal to one process; asynchronous SGD against what theory says of delays."""

import math

import pytest
import torch
from four_processes import LR, SIZE, batches, layers, mean_square, slope
from torch import nn

from brnb.algorithms.data_parallel import delayed_sgd


def test_four_processes_train_as_one_does(four):
    model = nn.Sequential(*layers())
    optimizer = torch.optim.SGD(model.parameters(), LR)
    for x, y in batches():
        optimizer.zero_grad()
        mean_square(model, x, y).backward()
        optimizer.step()
    for found in four:
        weights, _ = found["synchronous"]
        for ours, expected in zip(weights, model.parameters(), strict=True):
            torch.testing.assert_close(ours, expected)


def test_a_server_converges_and_knows_how_stale_gradients_were(four):
    """Minimum at 1; of three workers, each gradient is about two updates old."""
    weights, staleness = four[0]["asynchronous"]
    torch.testing.assert_close(weights, torch.ones(2), atol=0.01, rtol=0)
    assert len(staleness) == 400
    assert sum(found["asynchronous"] for found in four[1:]) == 400 + SIZE - 1
    assert sum(staleness) / 400 == pytest.approx(SIZE - 2, abs=0.5)


@pytest.mark.parametrize("staleness", [0, 1, 3, 8])
def test_a_delay_lowers_the_largest_learning_rate(staleness):
    """A quadratic of curvature L is stable below 2 sin(π / (4τ + 2)) / L: B.67's bound is safe."""
    largest = 2 * math.sin(math.pi / (4 * staleness + 2))
    below, above = (
        delayed_sgd(slope, torch.zeros(2), rate * largest, staleness, 600)[-1]
        for rate in (0.9, 1.1)
    )
    assert abs(below[0] - 1) < 0.01
    assert not abs(above[0] - 1) < 10  # or no number any more
    assert 1 / (1 + staleness) < largest
