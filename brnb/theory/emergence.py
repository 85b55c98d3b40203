"""Abilities that seem to emerge because of how they are measured (C.1.3; Schaeffer et al., 2023).

A loss that falls smoothly makes every token a little likelier. An exact match of k tokens needs
all of them, and rises from nothing within a decade of compute; a score by token does not.
"""

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


def token_accuracy(loss: npt.ArrayLike) -> Floats:
    """Probability of the right token, e^-L for a loss in nats a token: smooth in the loss."""
    return np.asarray(np.exp(-np.asarray(loss, float)))


def exact_match(loss: npt.ArrayLike, tokens: int) -> Floats:
    """Probability that all k tokens of an answer are right, e^(-kL): a threshold for large k."""
    positive("tokens", tokens=tokens)
    return token_accuracy(loss) ** tokens


def rise(x: npt.ArrayLike, score: npt.ArrayLike, low: float = 0.1, high: float = 0.9) -> float:
    """Decades of x in which a rising score goes from `low` to `high` of its last value.

    Raises
    ------
    ValueError
        If the score starts above `low` of its last value: x must begin earlier.
    """
    values = np.asarray(score, float) / np.asarray(score, float)[-1]
    if values[0] > low:
        raise ValueError(f"score starts at {values[0]:.2f} of its last value: begin x earlier")
    ends = np.interp([low, high], values, np.log10(np.asarray(x, float)))
    return float(ends[1] - ends[0])
