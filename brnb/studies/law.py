"""A scaling law of our own (thesis 3.5): a power of the number of parameters, and its intervals.

At a fixed number of tokens D the law of Hoffmann et al. (2022), L = E + A/N^alpha + B/D^beta, is
a constant and a power of N: our constant is their E + B/D^beta, and our exponent their alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brnb.evaluate.statistics import percentiles

if TYPE_CHECKING:
    from brnb.studies.sweep import SweepTraining

Floats = npt.NDArray[np.float64]
EXPONENTS = (0.005, 5.0)  # where fits look for alpha


@dataclass(frozen=True)
class Law:
    """L(N) = floor + scale / N^exponent, in nats per token; a floor of 0 is a pure power law."""

    floor: float
    scale: float
    exponent: float

    def loss(self, parameters: npt.ArrayLike) -> Floats:
        """The loss at N parameters, in the shape of N."""
        return self.floor + self.scale * np.asarray(parameters, float) ** -self.exponent


@dataclass(frozen=True)
class Fit:
    """A law, and the laws that samples like ours would have given as well.

    Attributes
    ----------
    law
        Of all points.
    draws
        Floor, scale and exponent of each resample, shape (resamples, 3).
    confidence
        Level of the intervals.
    """

    law: Law
    draws: Floats
    confidence: float

    def interval(self, name: str) -> tuple[float, float]:
        """Percentile interval of ``"floor"``, ``"scale"`` or ``"exponent"``."""
        column = self.draws[:, ["floor", "scale", "exponent"].index(name)]
        low, high = percentiles(column, self.confidence)
        return float(low), float(high)

    def band(self, parameters: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Percentile interval of the law's loss at each N, two arrays of the shape of N."""
        floor, scale, exponent = (part[:, None] for part in self.draws.T)
        losses = floor + scale * np.atleast_1d(np.asarray(parameters, float)) ** -exponent
        low, high = percentiles(losses, self.confidence)
        return low, high


def fit_law(
    parameters: npt.ArrayLike,
    losses: npt.ArrayLike,
    *,
    floor: bool,
    resamples: int,
    confidence: float,
    seed: int,
) -> Fit:
    """Fit a power law with or without a constant, by least squares of relative errors.

    Relative errors are, when small, those of the logarithm. Hoffmann et al. (2022) minimise a
    Huber loss of them, because some of their hundreds of trainings are off the law; we have few,
    and leave none out.

    The interval resamples the residuals, which hold the noise of the seeds and what the law
    misses. For the k values that were fitted they are widened by sqrt(n / (n - k)), and by
    Student's quantile over the normal one: a few residuals know their own size badly, and without
    it intervals of six trainings that say 95% cover 0.80 to 0.90.

    Parameters
    ----------
    parameters, losses
        N and L of each training, shape (n,).
    floor
        Whether the law has a constant, E >= 0.
    resamples, confidence, seed
        Of the bootstrap.

    Raises
    ------
    ValueError
        If there are not more sizes than values to fit, or a value is not positive.
    """
    sizes, values = np.asarray(parameters, float), np.asarray(losses, float)
    free = 3 if floor else 2
    distinct = len(np.unique(sizes))
    if distinct <= free:
        raise ValueError(f"{distinct} sizes cannot fit {free} values: train at least {free + 1}")
    if not ((sizes > 0).all() and (values > 0).all()):
        raise ValueError("parameters and losses must be positive")
    law = Law(*_fit(sizes, values[None, :], floor)[0].tolist())
    fitted = law.loss(sizes)
    errors = values / fitted - 1
    left = len(sizes) - free
    errors = (errors - errors.mean()) * np.sqrt(len(sizes) / left) * _widening(left, confidence)
    drawn = np.random.default_rng(seed).choice(errors, (resamples, len(errors)))
    return Fit(law, _fit(sizes, fitted * (1 + drawn), floor), confidence)


@dataclass(frozen=True)
class LossPrediction:
    """The mean loss of the largest size, and what the law of the smaller ones says of it."""

    parameters: int
    measured: float
    predicted: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Relative error of the prediction."""
        return self.predicted / self.measured - 1


def predict_largest(trained: Sequence["SweepTraining"], **options: Any) -> LossPrediction:
    """Leave the largest size out, fit the others (`fit_law` takes the options) and predict it."""
    largest = max(t.non_embedding for t in trained)
    known = [t for t in trained if t.non_embedding < largest]
    fitted = fit_law([t.non_embedding for t in known], [t.loss for t in known], **options)
    low, high = fitted.band(largest)
    measured = np.mean([t.loss for t in trained if t.non_embedding == largest])
    predicted = float(fitted.law.loss(largest))
    return LossPrediction(largest, float(measured), predicted, float(low[0]), float(high[0]))


def _widening(freedom: int, confidence: float) -> float:
    """Student's quantile over that of the normal distribution."""
    from scipy.stats import norm, t

    tail = (1 + confidence) / 2
    return float(t.ppf(tail, freedom) / norm.ppf(tail))


def _fit(sizes: Floats, losses: Floats, floor: bool) -> Floats:
    """Floor, scale and exponent of each row of losses (m, n); shape (m, 3).

    For a given exponent the rest is linear, so that only the exponent is searched: on a grid over
    its whole range, then on ever finer ones. There is no starting point to depend on.
    """
    middle = np.exp(np.log(sizes).mean())  # in its units, x below is near 1
    low, high = np.log(EXPONENTS)
    grid = np.broadcast_to(np.linspace(low, high, 60), (len(losses), 60))
    step = (high - low) / 59
    for _ in range(6):
        exponents = np.exp(grid)
        floors, scales, errors = _linear(sizes / middle, losses, exponents, floor)
        best = errors.argmin(axis=1)[:, None]
        grid = np.take_along_axis(grid, best, 1) + np.linspace(-step, step, 21)
        step /= 10
    chosen = [np.take_along_axis(part, best, 1)[:, 0] for part in (floors, scales, exponents)]
    return np.stack([chosen[0], chosen[1] * middle ** chosen[2], chosen[2]], axis=1)


def _linear(
    sizes: Floats, losses: Floats, exponents: Floats, floor: bool
) -> tuple[Floats, Floats, Floats]:
    """Best floor and scale for each exponent (m, g), neither below 0, and the squared error.

    The relative errors of E + A x are 1 - E u - A v, with u = 1/L and v = x/L.
    """
    u = 1 / losses[:, None, :]
    v = sizes ** -exponents[:, :, None] * u
    u1, v1 = u.sum(-1), v.sum(-1)
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    E = np.zeros_like(v1)
    if floor:
        determinant = uu * vv - uv**2
        with np.errstate(divide="ignore", invalid="ignore"):
            E = np.where(determinant > 0, (u1 * vv - v1 * uv) / determinant, 0.0)
        E = np.clip(E, 0.0, u1 / uu)  # beyond: the scale would be negative
    A = np.maximum((v1 - E * uv) / vv, 0.0)
    errors = ((1 - E[..., None] * u - A[..., None] * v) ** 2).sum(-1)
    return E, A, errors
