"""Gradients against autograd, steps and speed-ups against a simulated machine."""

import numpy as np
import pytest
import torch

from brnb.theory import recurrence as r

DRAW = np.random.default_rng(5)


def test_gradient_through_time_is_autograds():
    W, U = (torch.tensor(DRAW.normal(size=(4, 4)) / 2) for _ in range(2))
    inputs = torch.tensor(DRAW.normal(size=(6, 4)))
    theta = torch.tensor(DRAW.normal(size=3), requires_grad=True)
    mix = torch.tensor(DRAW.normal(size=(4, 3)))
    states = [torch.tanh(mix @ theta)]
    states.extend(torch.empty(0) for _ in range(6))
    for t in range(6):
        states[t + 1] = torch.tanh(W @ states[t] + U @ inputs[t])
    last = torch.tensor(DRAW.normal(size=4))
    (last @ states[-1]).backward()
    jacobians = [np.diag(1 - h.detach().numpy() ** 2) @ W.numpy() for h in states[1:]]
    first = np.diag(1 - states[0].detach().numpy() ** 2) @ mix.numpy()
    ours = r.gradient_through_time(last.numpy(), jacobians, first)
    np.testing.assert_allclose(ours, theta.grad.numpy(), rtol=1e-10)


def test_singular_values_bound_the_product_and_eigenvalues_do_not():
    jacobians = [DRAW.normal(size=(4, 4)) for _ in range(5)]
    product = np.linalg.multi_dot(jacobians)
    assert np.linalg.norm(product, 2) <= r.recurrent_gradient_bound(jacobians)
    shear = np.array([[0.5, 4.0], [0.0, 0.5]])
    grown = np.linalg.norm(np.linalg.matrix_power(shear, 3), 2)
    assert r.printed_gradient_bound(shear, 3) == pytest.approx(0.125)
    assert 0.125 < grown <= r.recurrent_gradient_bound([shear] * 3)


def test_residual_gradient_is_autograds():
    x = torch.tensor(DRAW.normal(size=4), requires_grad=True)
    W, upstream = (torch.tensor(DRAW.normal(size=s)) for s in ((4, 4), (4,)))
    (upstream @ (x + torch.tanh(W @ x))).backward()
    jacobian = torch.autograd.functional.jacobian(lambda h: torch.tanh(W @ h), x.detach())
    np.testing.assert_allclose(r.residual_gradient(upstream, jacobian), x.grad, rtol=1e-10)


def simulated(steps, operations, processors):
    """Time units of a machine that starts a step when the last has ended."""
    return sum(max(1.0, operations / processors) for _ in range(steps))


@pytest.mark.parametrize("processors", [1, 100, 5000, 10**9])
@pytest.mark.parametrize("n", [3, 64, 900])
def test_speedup_is_that_of_a_simulated_machine(n, processors):
    d = 16
    recurrent = simulated(n, d**2, processors)
    transformer = simulated(1, n**2 * d + n * d**2, processors)
    assert r.speedup(n, d, processors) == pytest.approx(recurrent / transformer)


def test_the_printed_speedup_exceeds_the_steps_there_are():
    assert r.printed_speedup(4096, 512, 1e9) == 4096**2 / 512 + 4096
    assert r.speedup(4096, 512, 1e12) == 4096
    assert r.speedup(4096, 512, 6912) == pytest.approx(512 / (4096 + 512))  # an A100's fp32 cores


def test_steps_and_operations():
    n = np.array([1, 10, 100])
    assert r.sequential_steps("rnn", n).tolist() == [1, 10, 100]
    assert r.sequential_steps("transformer", n).tolist() == [1, 1, 1]
    assert r.operations_per_step("rnn", n, 8).tolist() == [64, 64, 64]
    assert r.parallel_operations("transformer", n, 8).tolist() == [72, 1440, 86400]
    assert r.printed_parallel_operations(n, 8).tolist() == [8, 800, 80000]
    with pytest.raises(ValueError, match="kind = 'cnn'"):
        r.sequential_steps("cnn", 4)
