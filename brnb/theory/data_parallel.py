"""Data parallelism: one step of all, or each at its own time (Eqs. B.59-B.67, B.94-B.96)."""

from collections.abc import Callable, Sequence
from math import pi, sin

import numpy as np
from numpy.typing import NDArray

from brnb.theory.units import Quantity, not_negative, positive

Array = NDArray[np.float64]


def mean_gradient(gradients: Sequence[Array], sizes: Sequence[int] | None = None) -> Array:
    """Gradient of a whole batch from those of its parts (Eqs. B.60, B.94-B.96).

    Parameters
    ----------
    gradients
        Of each worker's or micro-batch's mean loss (B.59).
    sizes
        Examples (of a language model: predicted tokens) of each part. Without them all count the
        same, as printed: right only for parts of one size.
    """
    stacked = np.stack(gradients)
    if sizes is None:
        return np.asarray(stacked.mean(axis=0))
    positive("examples", sizes=list(sizes))
    return np.asarray(np.average(stacked, axis=0, weights=np.asarray(sizes)))


def sgd_step(parameters: Array, gradient: Array, rate: float) -> Array:
    """Parameters after a step against the gradient (Eqs. B.61, B.66)."""
    positive("learning rate", rate=rate)
    return parameters - rate * gradient


def gradient_bound(
    gap: Quantity, rate: Quantity, steps: Quantity, smoothness: float, variance: Quantity,
    workers: Quantity = 1,
) -> Quantity:  # fmt: skip
    """Bound of the mean squared gradient norm over t steps of SGD (Eq. B.62).

    2 (f_0 - f*) / (eta t) + eta L sigma^2 / P. It needs a smooth function, not the convex one of
    the text; L bounds the change of the gradient, and the mean is over all steps (Bottou, Curtis
    and Nocedal, 2018, theorem 4.8, for eta L <= 1). The text has no P: averaging over P workers
    divides the variance, which is what data parallelism is for.
    """
    positive("of SGD", rate=rate, steps=steps, smoothness=smoothness, workers=workers)
    not_negative("of SGD", gap=gap, variance=variance)
    return 2 * gap / (rate * steps) + rate * smoothness * variance / workers


def asynchronous_sgd(
    gradient: Callable[[Array], Array], start: Array, rate: float, staleness: int, steps: int
) -> Array:
    """Parameters after each step with gradients of those `staleness` steps ago (Eqs. B.63-B.66).

    Each worker pulls, computes and pushes; with tau + 1 workers in turn a push is tau steps old.

    Returns
    -------
    array, (steps + 1, ...)
        From the start on.
    """
    not_negative("steps", staleness=staleness, steps=steps)
    path = [np.asarray(start, dtype=np.float64)]
    for step in range(steps):
        pulled = path[max(0, step - staleness)]
        path.append(sgd_step(path[-1], gradient(pulled), rate))
    return np.stack(path)


def stale_rate(smoothness: float, staleness: Quantity) -> Quantity:
    """Learning rate below which stale gradients converge, 1 / (L (1 + tau)) (Eq. B.67).

    Sufficient, not necessary: `stale_limit` is the exact one of a quadratic.
    """
    positive("smoothness", smoothness=smoothness)
    not_negative("steps", staleness=staleness)
    return 1 / (smoothness * (1 + staleness))


def stale_limit(smoothness: float, staleness: int) -> float:
    """Largest learning rate at which a quadratic converges, 2 sin(pi / (4 tau + 2)) / L.

    Levin and May (1976) for x_(t+1) = x_t - a x_(t-tau): 2/L without delay, about pi / (2 tau L)
    with a long one, half as much again as `stale_rate`.
    """
    positive("smoothness", smoothness=smoothness)
    not_negative("steps", staleness=staleness)
    return 2 * sin(pi / (4 * staleness + 2)) / smoothness
