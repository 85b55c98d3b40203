"""The laws of Hoffmann et al. (2022) on our trainings: IsoFLOP parabolas and a parametric fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from brnb.evaluate.statistics import percentiles
from brnb.theory.chinchilla import LossLaw

if TYPE_CHECKING:
    from brnb.studies.isoflop import Budgeted

Floats = npt.NDArray[np.float64]
HUBER = 1e-3  # where the loss of the fit turns linear, as in Hoffmann et al., D.2
STARTS = 5  # of each exponent: the fit has several minima


@dataclass(frozen=True)
class Parabola:
    """Loss against the logarithm of size at one budget; where it is lowest, if it opens upwards."""

    budget: float
    coefficients: tuple[float, float, float]

    @property
    def best_size(self) -> float | None:
        """Parameters at the vertex; None if there is no minimum."""
        a, b, _ = self.coefficients
        return float(np.exp(-b / (2 * a))) if a > 0 else None

    def loss(self, parameters: npt.ArrayLike) -> Floats:
        """Loss at N parameters."""
        return np.polyval(self.coefficients, np.log(np.asarray(parameters, float)))


def parabolas(trained: Sequence["Budgeted"]) -> list[Parabola]:
    """Approach 2: one parabola for every budget with three sizes or more."""
    curves = []
    for budget in sorted({one.budget for one in trained}):
        group = [one for one in trained if one.budget == budget]
        if len({one.parameters for one in group}) > 2:
            sizes = np.log([one.parameters for one in group])
            a, b, c = np.polyfit(sizes, [one.loss for one in group], 2)
            curves.append(Parabola(budget, (float(a), float(b), float(c))))
    return curves


def size_exponent(curves: Sequence[Parabola]) -> float | None:
    """a of N* ~ C^a through the vertices; None with fewer than two."""
    points = [(one.budget, one.best_size) for one in curves if one.best_size is not None]
    if len(points) < 2:
        return None
    budgets, sizes = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(budgets, sizes, 1)[0])


def fit_parametric(
    parameters: npt.ArrayLike, tokens: npt.ArrayLike, losses: npt.ArrayLike,
    start: LossLaw | None = None,
) -> LossLaw:  # fmt: skip
    """Approach 3: least Huber loss of the logarithms, by L-BFGS from a grid of starts (their D.2).

    Parameters
    ----------
    parameters, tokens, losses
        N, D and L of each training, shape (n,).
    start
        Where to start instead of the grid, for a resample.

    Raises
    ------
    ValueError
        If there are not more trainings than the five values.
    """
    from scipy.optimize import minimize

    N, D, L = (np.log(np.asarray(x, float)) for x in (parameters, tokens, losses))
    if len(L) <= 5:
        raise ValueError(f"{len(L)} trainings cannot fit five values: train at least six")
    middle = N.mean(), D.mean()  # in these units the scales are of the size of a loss
    grid = np.linspace(0.1, 1.0, STARTS)
    starts = [[L.min() - 0.3, -0.7, -0.7, a, b] for a in grid for b in grid]
    if start is not None:
        e, a, b = np.log([max(start.E, 1e-9), max(start.A, 1e-9), max(start.B, 1e-9)])
        starts = [[e, a - start.alpha * middle[0], b - start.beta * middle[1],
                   start.alpha, start.beta]]  # fmt: skip
    bounds = [(-12, 3)] * 3 + [(0.01, 3.0)] * 2
    runs = [
        minimize(_huber, s, (N - middle[0], D - middle[1], L), jac=True, bounds=bounds)
        for s in starts
    ]
    e, a, b, alpha, beta = min(runs, key=lambda run: run.fun).x
    E, A, B = map(float, np.exp([e, a + alpha * middle[0], b + beta * middle[1]]))
    return LossLaw(E, A, B, float(alpha), float(beta))


def _huber(values: Floats, N: Floats, D: Floats, L: Floats) -> tuple[float, Floats]:
    """Sum of Huber losses of log(prediction) - log(loss), and its gradient."""
    e, a, b, alpha, beta = values
    terms = np.stack([np.full_like(N, e), a - alpha * N, b - beta * D])
    top = terms.max(axis=0)
    shares = np.exp(terms - top)
    total = shares.sum(axis=0)
    error = top + np.log(total) - L
    shares /= total
    slope = np.clip(error, -HUBER, HUBER)
    loss = np.where(np.abs(error) <= HUBER, error**2 / 2, HUBER * (np.abs(error) - HUBER / 2))
    by_term = (shares * slope).sum(axis=1)
    gradient = [*by_term, -(shares[1] * slope * N).sum(), -(shares[2] * slope * D).sum()]
    return float(loss.sum()), np.array(gradient)


@dataclass(frozen=True)
class HoffmannFit:
    """Both approaches, what resampled trainings give, and the largest budget predicted.

    Attributes
    ----------
    law, curves
        Of all trainings.
    draws
        alpha, beta and a of each resample by approach 3; shape (draws, 3).
    vertex_draws
        a of each resample by approach 2 that has one.
    measured, predicted
        Losses of the trainings of the largest budget, and what the law of the others says.
    """

    law: LossLaw
    curves: list[Parabola]
    draws: Floats
    vertex_draws: Floats
    measured: Floats
    predicted: Floats

    @property
    def error(self) -> float:
        """Relative error at the largest size of the largest budget."""
        return float(self.predicted[-1] / self.measured[-1] - 1)

    def interval(self, column: int, confidence: float) -> tuple[float, float]:
        """Percentile interval of alpha (0), beta (1) or a (2) by approach 3."""
        low, high = percentiles(self.draws[:, column], confidence)
        return float(low), float(high)


def fit_hoffmann(trained: Sequence["Budgeted"], draws: int, seed: int) -> HoffmannFit:
    """Fit approaches 2 and 3, with a bootstrap over trainings within each budget.

    Raises
    ------
    ValueError
        If there are too few trainings, with or without those of the largest budget.
    """
    random = np.random.default_rng(seed)
    law = _fit(trained)
    largest = max(one.budget for one in trained)
    known = [one for one in trained if one.budget < largest]
    last = [one for one in trained if one.budget == largest]
    held_out = _fit(known)
    groups = [[o for o in trained if o.budget == b] for b in sorted({o.budget for o in trained})]
    laws, vertices = [], []
    for _ in range(draws):
        again = [g[i] for g in groups for i in random.integers(len(g), size=len(g))]
        one = _fit(again, law)
        laws.append((one.alpha, one.beta, one.exponents[0]))
        vertex = size_exponent(parabolas(again))
        vertices += [] if vertex is None else [vertex]
    predicted = held_out.loss([o.parameters for o in last], [o.tokens for o in last])
    measured = np.array([one.loss for one in last])
    return HoffmannFit(
        law, parabolas(trained), np.array(laws), np.array(vertices), measured, predicted
    )


def _fit(trained: Sequence["Budgeted"], start: LossLaw | None = None) -> LossLaw:
    sizes, tokens, losses = zip(*((o.parameters, o.tokens, o.loss) for o in trained), strict=True)
    return fit_parametric(sizes, tokens, losses, start)
