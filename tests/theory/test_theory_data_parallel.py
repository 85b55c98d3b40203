"""Data parallelism against autograd, and stale gradients against simulation."""

import numpy as np
import pytest
import torch

from brnb.theory.data_parallel import (
    asynchronous_sgd,
    gradient_bound,
    mean_gradient,
    sgd_step,
    stale_limit,
    stale_rate,
)


def gradient(weight, inputs, targets):
    weight = torch.tensor(weight, requires_grad=True)
    loss = ((torch.tensor(inputs) @ weight - torch.tensor(targets)) ** 2).mean()
    loss.backward()
    return weight.grad.numpy()


RANDOM = np.random.default_rng(0)
X, Y, W = RANDOM.normal(size=(12, 3)), RANDOM.normal(size=12), RANDOM.normal(size=3)


def parts(*ends):
    return [gradient(W, x, y) for x, y in zip(np.split(X, ends), np.split(Y, ends), strict=True)]


def test_workers_with_equal_parts_have_the_gradient_of_the_whole_batch():
    assert mean_gradient(parts(4, 8)) == pytest.approx(gradient(W, X, Y))


def test_unequal_parts_count_by_their_size():
    assert mean_gradient(parts(2, 5), [2, 3, 7]) == pytest.approx(gradient(W, X, Y))
    assert mean_gradient(parts(2, 5)) != pytest.approx(gradient(W, X, Y), rel=1e-2)


def test_a_step_is_pytorchs():
    weight = torch.tensor(W, requires_grad=True)
    weight.grad = torch.tensor(gradient(W, X, Y))
    torch.optim.SGD([weight], lr=0.1).step()
    assert sgd_step(W, gradient(W, X, Y), 0.1) == pytest.approx(weight.detach().numpy())


@pytest.mark.parametrize("workers", [1, 4])
def test_the_bound_holds_on_a_noisy_quadratic(workers):
    rate, steps, runs, sigma = 0.2, 60, 400, 1.0
    x, norms = np.full(runs, 3.0), []
    for _ in range(steps):
        norms.append(x**2)  # f = x^2 / 2: L = 1, gap = x0^2 / 2
        noise = RANDOM.normal(0, sigma, (workers, runs)).mean(axis=0)
        x = x - rate * (x + noise)
    bound = gradient_bound(9 / 2, rate, steps, 1.0, sigma**2, workers)
    assert np.mean(norms) < bound
    assert gradient_bound(0.0, rate, steps, 1.0, 1.0, workers) == rate / workers


@pytest.mark.parametrize("staleness", [0, 1, 2, 5, 10])
def test_stale_gradients_converge_below_the_limit_only(staleness):
    smoothness = 4.0
    limit = stale_limit(smoothness, staleness)

    def last(rate):
        path = asynchronous_sgd(lambda x: smoothness * x, np.ones(1), rate, staleness, 4000)
        return float(np.abs(path[-20:]).max())

    assert last(0.97 * limit) < 1e-2
    assert last(1.03 * limit) > 1e2
    assert stale_rate(smoothness, staleness) < limit
    assert last(stale_rate(smoothness, staleness)) < 1e-6


def test_without_staleness_it_is_gradient_descent():
    path = asynchronous_sgd(lambda x: x, np.array([8.0]), 0.5, 0, 3)
    assert path[:, 0] == pytest.approx([8, 4, 2, 1])
    assert stale_limit(1.0, 0) == pytest.approx(2)
    assert stale_limit(1.0, 1) == pytest.approx(1)  # x_(t+1) = x_t - a x_(t-1), by hand


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"staleness = -1: .*\(steps\)"):
        stale_rate(1.0, -1)
    with pytest.raises(ValueError, match="rate = 0"):
        sgd_step(W, W, 0)
