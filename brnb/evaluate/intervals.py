"""Intervals that cover what they say: of groups that both sides share, and of ratios of sums."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brnb.evaluate.statistics import Floats, percentiles

FEW_ITEMS = 10
_ROUNDING = 1e-6  # of an error: what is left of one that is zero


def welch_interval(
    before: Sequence[npt.ArrayLike], after: Sequence[npt.ArrayLike], confidence: float
) -> tuple[float, float, float]:
    """Change of a mean over groups that both sides share, such as prompts, and its interval.

    The change is the mean over groups of the differences of their means; every group of a side has
    a variance of its own (Welch, 1947; degrees of freedom by Satterthwaite, 1946). It is a change
    on these groups: a few of them say nothing of others.

    Parameters
    ----------
    before, after
        Values of each group, at least two.
    confidence
        Level of the interval.

    Returns
    -------
    change, low, high
    """
    from scipy.stats import t

    old, new = ([np.asarray(group, float) for group in side] for side in (before, after))
    change = float(np.mean([b.mean() - a.mean() for a, b in zip(old, new, strict=True)]))
    parts = np.array([g.var(ddof=1) / len(g) for g in [*old, *new]]) / len(old) ** 2
    if not parts.sum():
        return change, change, change
    freedom = parts.sum() ** 2 / sum(
        part**2 / (len(group) - 1) for part, group in zip(parts, [*old, *new], strict=True)
    )
    reach = float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(parts.sum())
    return change, change - reach, change + reach


def ratio_interval(
    parts: npt.ArrayLike, wholes: npt.ArrayLike, resamples: int, seed: int, confidence: float
) -> tuple[float, float]:
    """Studentised bootstrap of a ratio of sums, sum(parts) / sum(wholes), over items.

    Items are drawn with replacement; every draw is measured in its own standard error (Efron &
    Tibshirani, 1993, ch. 12), so that skewed sizes, as those of documents, are covered too. Of
    fewer than `FEW_ITEMS` many draws are of one or two items, whose error says nothing: they have
    Student's interval of the linearised ratio (Cochran, 1977, ch. 6).
    """
    x, y = np.asarray(parts, float), np.asarray(wholes, float)
    count = len(x)
    if 1 < count < FEW_ITEMS:
        from scipy.stats import t

        (ratio,), (error,) = _ratios(np.ones((1, count)), x, y)
        reach = float(t.ppf((1 + confidence) / 2, count - 1)) * float(error)
        return float(ratio) - reach, float(ratio) + reach
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    ratio, error = _ratios(np.ones((1, count)), x, y)
    ratios, errors = _ratios(drawn, x, y)
    if count < 2 or not error[0]:
        return float(ratio[0]), float(ratio[0])
    told = errors > _ROUNDING * error[0]  # a draw of one item again and again has no error
    low, high = percentiles((ratios[told] - ratio[0]) / errors[told], confidence)
    return float(ratio[0] - high * error[0]), float(ratio[0] - low * error[0])


def _ratios(weights: npt.NDArray[Any], x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Ratio and its standard error (of the linearised ratio) for each row of weights."""
    total = weights @ y
    ratios = (weights @ x) / total
    squares = weights @ x**2 - 2 * ratios * (weights @ (x * y)) + ratios**2 * (weights @ y**2)
    count = len(x)
    errors = np.sqrt(np.maximum(squares, 0.0) * count / max(1, count - 1)) / total
    return ratios, errors
