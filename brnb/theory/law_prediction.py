"""A predicted loss with an interval for what the constants do not know (C.1.4, Eqs. C.37-C.39)."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brnb.theory.chinchilla import LossLaw, published
from brnb.thesis import load

Floats = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A prediction in nats a token and its interval."""

    loss: float
    low: float
    high: float


def published_covariance(name: str) -> Floats:
    """Covariance of E, A, B, alpha and beta of a law of brnb/thesis/scaling.yaml, (5, 5).

    The file has that of ln A and ln B, in which the law is nearly linear; dA = A dlnA turns it.

    Raises
    ------
    ValueError
        If the law was published without one.
    """
    facts = load("scaling", name)
    if "deviations" not in facts:
        raise ValueError(f"{name} in brnb/thesis/scaling.yaml has no deviations")
    law = published(name)
    scale = np.array(facts["deviations"], float) * [1, law.A, law.B, 1, 1]
    return np.array(facts["correlations"], float) * np.outer(scale, scale)


def sensitivities(law: LossLaw, flops: float) -> Floats:
    """dL_pred/dtheta for E, A, B, alpha and beta, shape (5,).

    N* and D* depend on the constants too. At the optimum that changes nothing to first order (the
    envelope theorem), so that these are the partial derivatives at fixed N* and D*.
    """
    N, D = (float(x) for x in law.optimum(flops))
    of_size, of_data = N**-law.alpha, D**-law.beta
    return np.array(
        [1, of_size, of_data, -law.A * np.log(N) * of_size, -law.B * np.log(D) * of_data]
    )


def prediction_variance(law: LossLaw, flops: float, covariance: npt.ArrayLike) -> float:
    """Var(L_pred) = g Sigma g (the delta method), with the constants' covariance.

    Parameters
    ----------
    law, flops
        The law, and C in FLOP.
    covariance
        Of E, A, B, alpha and beta, (5, 5).
    """
    g = sensitivities(law, flops)
    return float(g @ np.asarray(covariance, float) @ g)


def printed_variance(law: LossLaw, flops: float, covariance: npt.ArrayLike) -> float:
    """The sum of squared sensitivities times variances, as C.39 prints it.

    This is right for independent constants. Those of one fit are not: a larger A goes with a larger
    alpha, and nearly all of what C.39 adds up cancels.
    """
    g = sensitivities(law, flops)
    return float((g**2) @ np.diag(np.asarray(covariance, float)))


def prediction_interval(
    law: LossLaw, flops: float, covariance: npt.ArrayLike, confidence: float = 0.95
) -> Interval:
    """L_pred +- z sqrt(Var) (Eq. C.38)."""
    return _interval(law, flops, prediction_variance(law, flops, covariance), confidence)


def printed_interval(
    law: LossLaw, flops: float, covariance: npt.ArrayLike, confidence: float = 0.95
) -> Interval:
    """C.38 with the variance of C.39."""
    return _interval(law, flops, printed_variance(law, flops, covariance), confidence)


def _interval(law: LossLaw, flops: float, variance: float, confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}: it must be between 0 and 1")
    half = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(variance)
    loss = float(law.best_loss(flops))
    return Interval(loss, loss - half, loss + half)
