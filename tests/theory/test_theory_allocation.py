"""Budgets against SciPy and against every plan there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from brnb.theory import allocation as a
from brnb.theory.chinchilla import published

LAW = published()
AIM = a.Aim(performance=1e7, usd_per_flop=3e-18, flops_per_second=1e18, cost=1.0, time=0.1)


@pytest.mark.parametrize(
    ("fewest", "tokens", "most"), [(1e8, 1e9, 1e26), (1e8, 1e9, 1e21), (3e11, 1e9, 1e24)]
)
def test_allocation_is_scipys(fewest, tokens, most):
    def loss(logs):
        N, D = np.exp(logs)
        return -float(AIM.value(-LAW.loss(N, D), 6 * N * D)) / 1e6

    limit = {"type": "ineq", "fun": lambda logs: np.log(most / 6) - logs.sum()}
    bounds = [(np.log(fewest), None), (np.log(tokens), None)]
    start = np.log([1.01 * fewest, 1.01 * tokens])
    theirs = minimize(loss, start, bounds=bounds, constraints=limit, method="SLSQP",
                      options={"maxiter": 500, "ftol": 1e-12})  # fmt: skip
    ours = a.best_allocation(LAW, AIM, most, fewest, tokens)
    assert ours.value == pytest.approx(-1e6 * theirs.fun, rel=1e-5)
    assert 6 * ours.parameters * ours.tokens <= most * (1 + 1e-9)
    assert ours.parameters >= fewest * (1 - 1e-9)
    assert ours.tokens >= tokens * (1 - 1e-9)


def test_without_cost_the_whole_budget_goes_to_the_chinchilla_optimum():
    free = a.Aim(performance=1.0, usd_per_flop=0.0, flops_per_second=1.0)
    ours = a.best_allocation(LAW, free, 1e23, 1e6, 1e6)
    N, D = LAW.optimum(1e23)
    assert (ours.parameters, ours.tokens) == (
        pytest.approx(N, rel=1e-2),
        pytest.approx(D, rel=1e-2),
    )
    with pytest.raises(ValueError, match=r"most_flops = 1"):
        a.best_allocation(LAW, free, 1.0)


def plans(units):
    if not units:
        return [()]
    return [(), *((c, *rest) for c in range(1, units + 1) for rest in plans(units - c))]


GAINS = st.lists(st.floats(-1, 5), min_size=1, max_size=6)


@given(GAINS, st.integers(0, 7), st.floats(0, 1))
def test_schedule_is_the_best_of_all(gains, budget, discount):
    def worth(plan):
        return sum(discount**i * gains[c - 1] for i, c in enumerate(plan))

    possible = [p for p in plans(budget) if all(c <= len(gains) for c in p)]
    ours = a.best_sequence(gains, budget, discount)
    assert ours.value == pytest.approx(max(map(worth, possible)))
    assert worth(ours.spent) == pytest.approx(ours.value)
    with pytest.raises(ValueError, match="budget = -1"):
        a.best_sequence(gains, -1, discount)


@pytest.mark.parametrize("usd_per_nat", [1e6, 1e9])
def test_saturation_is_where_the_gain_meets_the_price(usd_per_nat):
    price = 2.7e-18

    def surplus(log_flops):
        C = np.exp(log_flops)
        slope = float(LAW.best_loss(C * 0.9999) - LAW.best_loss(C * 1.0001)) / (0.0002 * C)
        return np.log(slope * usd_per_nat / price)

    at = np.exp(brentq(surplus, np.log(1e15), np.log(1e30)))
    ours = a.saturation_flops(LAW, usd_per_nat, price)
    assert ours == pytest.approx(at, rel=1e-4)
    assert a.pays_off(LAW, ours * 0.99, usd_per_nat, price)
    assert not a.pays_off(LAW, ours * 1.01, usd_per_nat, price)


def test_phases_of_the_text():
    assert [a.phase(c) for c in (1e20, 1e22, 1e24)] == [1, 2, 3]
    with pytest.raises(ValueError, match="flops = 0"):
        a.phase(0)
