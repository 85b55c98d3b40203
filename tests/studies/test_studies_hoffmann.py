"""The laws of Hoffmann et al. from points that follow them, and against SciPy's own optimum."""

import numpy as np
import pytest

from brnb.studies.hoffmann import fit_hoffmann, fit_parametric, parabolas, size_exponent
from brnb.studies.isoflop import Budgeted, disordered
from brnb.theory.chinchilla import LossLaw

PUBLISHED = LossLaw(1.69, 406.4, 410.7, 0.34, 0.28)  # Hoffmann et al. (2022), Eq. 10


def budgeted(law=PUBLISHED, noise=0.0, seeds=1):
    random = np.random.default_rng(0)
    return [
        Budgeted(C, 1, 1, seed, 1e-3, int(N), int(C / (6 * N)), C,
                 float(law.loss(N, C / (6 * N)) * (1 + random.normal(0, noise))), 0.0)
        for C in (1e17, 1e18, 1e19)
        for N in np.geomspace(0.25, 4, 7) * 0.06 * C**0.5
        for seed in range(seeds)
    ]  # fmt: skip


def test_exact_points_give_the_published_law_back():
    points = budgeted()
    told = [[getattr(one, name) for one in points] for name in ("parameters", "tokens", "loss")]
    found = fit_parametric(*told)
    assert (found.alpha, found.beta) == pytest.approx((0.34, 0.28), rel=0.01)
    assert abs(found.E - 1.69) < 0.02
    assert found.exponents[0] == pytest.approx(0.28 / 0.62, rel=0.01)  # 0.4516


def test_vertices_are_where_the_law_is_lowest_and_rise_with_its_exponent():
    curves = parabolas(budgeted())
    for curve in curves:  # N* = G (C / 6)^(beta / (alpha + beta)), their Eq. 4
        G = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
        assert curve.best_size == pytest.approx(G * (curve.budget / 6) ** (0.28 / 0.62), rel=0.2)
    assert size_exponent(curves) == pytest.approx(0.28 / 0.62, abs=0.03)
    assert size_exponent(curves[:1]) is None


def test_the_largest_budget_is_predicted_and_intervals_hold_the_truth():
    fit = fit_hoffmann(budgeted(noise=0.001, seeds=2), draws=40, seed=1)
    assert abs(fit.error) < 0.02
    low, high = fit.interval(0, 0.95)
    assert low < 0.34 < high
    assert len(fit.measured) == len(fit.predicted) == 14


def test_too_few_trainings_are_an_error():
    with pytest.raises(ValueError, match="at least six"):
        fit_parametric([1, 2, 3], [1, 2, 3], [3, 2, 1])


def test_a_loss_that_rises_with_the_budget_is_told():
    points = budgeted()
    assert disordered([one for one in points if one.parameters < 3e7], 0.0) == []
    few, many = (
        Budgeted(C, 8, 1, 0, 1e-3, 10, int(C), C, loss, 0.0) for C, loss in ((1.0, 3.0), (2.0, 3.2))
    )
    assert disordered([many, few], 0.1) == [(few, many)]
    assert disordered([many, few], 0.3) == []
