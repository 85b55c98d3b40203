"""The optimum against SciPy's constrained minimiser, and the printed numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from brnb.theory import chinchilla as c
from brnb.theory.chinchilla import LossLaw

LAW = c.published()
LAWS = st.builds(
    LossLaw,
    E=st.floats(0, 3),
    A=st.floats(50, 5000),
    B=st.floats(50, 5000),
    alpha=st.floats(0.2, 0.6),
    beta=st.floats(0.2, 0.6),
)


@given(LAWS, st.floats(18, 27))
def test_optimum_is_scipys(law, decades):
    flops = 10**decades
    lowest = minimize_scalar(
        lambda log_n: float(law.loss(np.exp(log_n), flops / 6 / np.exp(log_n))) - law.E,
        bounds=(np.log(1e3), np.log(flops / 6e3)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    N, D = law.optimum(flops)
    assert float(6 * N * D) == pytest.approx(flops)
    assert float(law.best_loss(flops)) - law.E <= lowest.fun * (1 + 1e-9)
    if 1e3 < N < flops / 6e3:
        assert np.log(N) == pytest.approx(lowest.x, abs=1e-2)


@given(LAWS, st.floats(18, 27))
def test_first_order_conditions_hold_at_the_optimum(law, decades):
    N, D = (float(x) for x in law.optimum(10**decades))
    dN, dD = law.gradient(N, D)
    by_size, by_data = law.conditions(N, D, multiplier=-dN / (6 * D))
    assert by_size == pytest.approx(0, abs=1e-12 * abs(dN))
    assert by_data == pytest.approx(0, abs=1e-9 * abs(dD))


def test_published_fit_of_another_approach_is_not_this_law():
    # Hoffmann et al. (2022), Table 2: approach 3, which is this law, has a = 0.46 and b = 0.54;
    # approach 1 has 0.50 and 0.50.
    a, b = c.optimal_exponents()
    assert (a, b) == pytest.approx((0.46, 0.54), abs=0.01)
    assert c.printed_exponents() == (0.5, 0.5)
    assert sum(c.optimal_exponents("besiroglu_2024")) == pytest.approx(1)


def test_exponents_are_slopes_of_the_optimum():
    flops = np.array([1e20, 1e24])
    N, D = c.optimal_allocation(flops)
    assert np.diff(np.log(N))[0] / np.log(1e4) == pytest.approx(0.28 / 0.62)
    assert np.diff(np.log(D))[0] / np.log(1e4) == pytest.approx(0.34 / 0.62)


def test_the_printed_extrapolation():
    N, D = c.printed_compute_allocation(1e26)
    np.testing.assert_allclose([N, D], 4.1e12, rtol=0.01)
    # 406.4 / 4.08e12^0.34 = 0.0209; 410.7 / 4.08e12^0.28 = 0.121: C.43 prints 0.012 and 0.018
    assert c.chinchilla_loss(4.1e12, 4.1e12) == pytest.approx(1.69 + 0.0209 + 0.1208, abs=2e-4)
    assert c.printed_prediction() == pytest.approx(1.72)
    assert LAW.best_loss(1e26) < c.chinchilla_loss(N, D)


def test_replication_gives_twenty_tokens_a_parameter():
    # Besiroglu et al. (2024): their fit is consistent with Hoffmann's 20 tokens a parameter
    N, D = c.optimal_allocation(5.76e23, "besiroglu_2024")
    assert 15 < D / N < 26


def test_lagrangian_is_the_loss_on_the_constraint():
    N, D = 7e10, 1.4e12
    assert LAW.lagrangian(N, D, 5.0, 6 * N * D) == pytest.approx(float(LAW.loss(N, D)))
    over = LAW.lagrangian(N, D, 1e-24, 0.0)
    assert over == pytest.approx(float(LAW.loss(N, D)) + 0.588)  # 6ND = 5.88e23


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"parameters = -1\.0"):
        LAW.loss(-1.0, 1e9)
    with pytest.raises(ValueError, match=r"kaplan_2020 in .*scaling\.yaml has no E, A, B, beta"):
        c.published("kaplan_2020")
