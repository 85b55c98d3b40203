"""Kaplan's laws against the paper's own numbers and SciPy's derivatives."""

import numpy as np
import pytest
from scipy.differentiate import derivative

from brnb.theory import kaplan


def test_losses_that_the_paper_gives():
    # Kaplan et al. (2020), section 6.3: L(N) and L(D) meet L(C) near C = 1e4 PF-days,
    # N = 1e12 parameters, D = 1e12 tokens and L = 1.7 nats a token.
    assert kaplan.kaplan_loss("C", 1e4 * kaplan.PF_DAY) == pytest.approx(1.7, abs=0.03)
    assert kaplan.kaplan_loss("N", 1e12) == pytest.approx(1.4, abs=0.01)  # 88^0.076
    assert kaplan.kaplan_loss("D", 1e12) == pytest.approx(54**0.095)
    assert kaplan.PF_DAY == 8.64e19


@pytest.mark.parametrize(("variable", "x"), [("N", 1e10), ("D", 1e11), ("C", 1e20)])
def test_slopes_are_derivatives(variable, x):
    law = kaplan.kaplan_law(variable)
    slope = derivative(law.loss, x, initial_step=x / 10).df
    assert kaplan.kaplan_slope(variable, x) == pytest.approx(slope, rel=1e-6)
    by_log = derivative(lambda t: law.loss(np.exp(t)), np.log(x)).df
    assert kaplan.kaplan_elasticity(variable, x) == pytest.approx(-by_log, rel=1e-6)


def test_the_printed_slopes_are_others():
    # by hand: 0.076 * 8800^0.076 / 1e10; 0.095 * 540^0.095 / 1e11
    assert -kaplan.kaplan_slope("N", 1e10) == pytest.approx(1.516e-11, rel=1e-3)  # prints 2.1e-12
    assert -kaplan.kaplan_slope("D", 1e11) == pytest.approx(1.727e-12, rel=1e-3)  # prints 1.8e-13
    # 0.05 * 2.678e8^0.05 / 1e20, and with C_c in FLOP
    assert -kaplan.kaplan_slope("C", 1e20) == pytest.approx(1.319e-21, rel=1e-3)  # prints 3.4e-22
    assert -kaplan.printed_kaplan_law("C").slope(1e20) == pytest.approx(1.33e-22, rel=1e-2)


def test_data_and_not_size_gain_most_where_the_text_compares_slopes():
    gains = {v: float(kaplan.kaplan_elasticity(v, x)) for v, x in
             (("N", 1e10), ("D", 1e11), ("C", 1e20))}  # fmt: skip
    assert max(gains, key=gains.__getitem__) == "D"


def test_the_printed_floor_is_added_to_a_law_without_one():
    sizes = np.array([1e8, 1.75e11])
    np.testing.assert_allclose(
        kaplan.printed_kaplan_loss("N", sizes), kaplan.kaplan_loss("N", sizes) + 1.69
    )
    assert kaplan.printed_kaplan_loss("N", 1.75e11) > 3.2
    with pytest.raises(ValueError, match="variable = 'L'"):
        kaplan.kaplan_loss("L", 1)
    with pytest.raises(ValueError, match="x = -1"):
        kaplan.kaplan_loss("N", -1)
