"""How sure a difference between two systems is (thesis 4.4.2.4, Table 13).

The dissertation reports mean ± standard deviation over three seeds. Its decoding is greedy and its
seeds sample the test items, so the question behind Table 13 is about items: would the difference
hold on others like these? The bootstrap interval and the sign-flip test below answer it.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EXACT_UP_TO = 16
"""Differences up to which the sign-flip test goes through all sign patterns."""

FEW = 50
"""Items below which a bootstrap of right and wrong answers covers too little: 0.49 to 0.73 where
0.95 is said, for 12 to 20 items, because the items at hand may hold no change at all."""

BLOCK = 2**20  # numbers drawn at once: 8 MB


def mean_and_deviation(values: npt.ArrayLike) -> tuple[float, float]:
    """Mean and sample standard deviation (divisor n - 1; NaN for one value) over seeds.

    Raises
    ------
    ValueError
        If there is no value, or one that is not finite.
    """
    numbers = _finite("values", values)
    deviation = numbers.std(ddof=1) if len(numbers) > 1 else math.nan
    return float(numbers.mean()), float(deviation)


def relative_gain(baseline: float, adapted: float) -> float:
    """Gain as a share of the baseline, from means that are not rounded; NaN over a baseline of 0.

    Rounded means do not do: 0.037 and 0.090 give +143%, where Table 13 has +145%.
    """
    return (adapted - baseline) / baseline if baseline else math.nan


@dataclass(frozen=True)
class Comparison:
    """A metric of two systems on the same items.

    Attributes
    ----------
    baseline, adapted : float
        Means over all scores.
    difference : float
        ``adapted - baseline``.
    gain : float
        `relative_gain`.
    low, high : float
        Interval of the difference: `few_pairs` for fewer than 50 items whose scores are shares,
        else of the bootstrap's percentiles.
    confidence : float
        Its level, in (0, 1).
    p_value : float
        Two-sided sign-flip test of no difference, in (0, 1].
    p_adjusted : float
        The same after `holm`; equal to `p_value` if nothing else was tested.
    items : int
        Distinct items.
    """

    baseline: float
    adapted: float
    difference: float
    gain: float
    low: float
    high: float
    confidence: float
    p_value: float
    p_adjusted: float
    items: int


def supported(claim: Comparison) -> bool:
    """Whether the claim that the two systems differ may be printed.

    It may where the interval excludes 0, and the test, corrected for all claims made together,
    rejects at the interval's level too.
    """
    excludes_zero = claim.low > 0 or claim.high < 0
    return excludes_zero and claim.p_adjusted <= 1 - claim.confidence


def compare(
    baseline: npt.ArrayLike,
    adapted: npt.ArrayLike,
    items: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Comparison:
    """Compare two systems, score by score.

    Parameters
    ----------
    baseline, adapted : array_like, shape (N,)
        Scores of the same answers to the same items, in the same order.
    items
        What each score belongs to, if an item has several (drawn by several seeds, or answered at
        several temperatures): these are no independent evidence, and stay together when items are
        drawn and signs are flipped.
    seed
        Of all draws.
    resamples
        Bootstrap samples, and sign patterns where the test does not go through all of them.
    confidence
        Level of the interval.

    Raises
    ------
    ValueError
        If the scores do not match, are none, or are not finite.
    """
    before, after = _finite("baseline", baseline), _finite("adapted", adapted)
    labels = range(len(before)) if items is None else items
    if not len(before) == len(after) == len(labels):
        raise ValueError(
            f"{len(before)} scores of the baseline, {len(after)} of the adapted model and "
            f"{len(labels)} items do not pair up; score both on the same test set"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    place = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    cluster = np.array([place[label] for label in labels])
    sums = np.bincount(cluster, weights=after - before).astype(float)
    sizes = np.bincount(cluster)
    draws, flips = np.random.default_rng(seed).spawn(2)
    if len(sums) < FEW and (sizes == 1).all() and _shares(before) and _shares(after):
        low, high = few_pairs(sums, confidence)
    else:
        low, high = _bootstrap(sums, sizes, draws, resamples, confidence)
    p_value = _sign_flip(sums, flips, resamples)
    means = float(before.mean()), float(after.mean())
    return Comparison(
        baseline=means[0],
        adapted=means[1],
        difference=means[1] - means[0],
        gain=relative_gain(*means),
        low=low,
        high=high,
        confidence=confidence,
        p_value=p_value,
        p_adjusted=p_value,
        items=len(sums),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of claims made together (Holm, 1979), in their order.

    Raises
    ------
    ValueError
        If one is not in [0, 1].
    """
    p = _finite("p-values", p_values) if len(p_values) else np.empty(0)
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"p-values must lie in [0, 1]: {', '.join(map(str, p_values))}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1).tolist()


def together(claims: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """Correct the p-values of all claims of a table at once."""
    adjusted = holm([claim.p_value for claim in claims.values()])
    return {
        name: replace(claim, p_adjusted=p)
        for (name, claim), p in zip(claims.items(), adjusted, strict=True)
    }


def few_pairs(differences: npt.ArrayLike, confidence: float) -> tuple[float, float]:
    """Interval of the mean of few differences of scores in [0, 1], such as right and wrong answers.

    As if two more items had been seen, half a gain, half a loss and one tie: Wald's interval for
    paired proportions so adjusted (Agresti & Min, 2005, Statistics in Medicine 24), with Student's
    quantile in place of the normal one.

    Parameters
    ----------
    differences
        One an item, in [-1, 1].
    confidence
        Level of the interval.
    """
    from scipy.stats import t

    values = _finite("differences", differences)
    count = len(values) + 2
    mean = values.sum() / count
    variance = (np.square(values).sum() + 1) / count - mean**2
    reach = float(t.ppf((1 + confidence) / 2, count - 1)) * math.sqrt(variance / count)
    return max(-1.0, float(mean - reach)), min(1.0, float(mean + reach))


def _shares(scores: Floats) -> bool:
    return bool(((scores >= 0) & (scores <= 1)).all())


def _bootstrap(
    sums: Floats,
    sizes: npt.NDArray[np.integer],
    rng: np.random.Generator,
    resamples: int,
    confidence: float,
) -> tuple[float, float]:
    """Percentile interval of the mean difference over items drawn with replacement.

    Koehn (2004), "Statistical significance tests for machine translation evaluation". `sums` and
    `sizes`, shape (items,), are each item's sum of differences and its number of scores.
    """
    means = []
    for rows in _blocks(resamples, len(sums)):
        drawn = rng.integers(len(sums), size=(rows, len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = percentiles(np.concatenate(means), confidence)
    return float(low), float(high)


def percentiles(draws: npt.ArrayLike, confidence: float) -> Floats:
    """Ends of the percentile interval of bootstrap draws (Efron & Tibshirani, 1993, ch. 13).

    Parameters
    ----------
    draws
        What each resample gave, along the first axis.
    confidence
        Share of the draws between the two ends.

    Returns
    -------
    array, shape (2, ...)
        The low and the high end.
    """
    tail = (1 - confidence) / 2
    return np.quantile(np.asarray(draws, dtype=float), [tail, 1 - tail], axis=0)


def _sign_flip(sums: Floats, rng: np.random.Generator, resamples: int) -> float:
    """p-value of a mean difference of 0, if each item's difference were as likely of either sign.

    Fisher (1935), The Design of Experiments, section 21: exact for up to `EXACT_UP_TO` items that
    differ. Beyond, over random sign patterns and the observed one (Phipson and Smyth, 2010).
    """
    sums = sums[sums != 0]
    # sums in another order differ in their last bits: as extreme means up to those
    reached = abs(sums.sum()) - 1e-12 * np.abs(sums).sum()
    if len(sums) <= EXACT_UP_TO:
        patterns = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float((np.abs((1 - 2 * patterns) @ sums) >= reached).mean())
    extreme = 1
    for rows in _blocks(resamples, len(sums)):
        signs = 1 - 2 * rng.integers(2, size=(rows, len(sums)), dtype=np.int8)
        extreme += int((np.abs((signs * sums).sum(axis=1)) >= reached).sum())
    return extreme / (resamples + 1)


def _blocks(rows: int, columns: int) -> list[int]:
    """Cut rows into blocks of at most `BLOCK` numbers."""
    most = max(1, BLOCK // columns)
    return [min(most, rows - start) for start in range(0, rows, most)]


def _finite(name: str, values: npt.ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"{name}: one number for each item is needed, not shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        first = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise ValueError(f"{name}: number {first} is {numbers[first]}; leave such items out first")
    return numbers


@dataclass(frozen=True)
class Rate:
    """A share with its 95% interval (Wilson, 1927); NaN where there is nothing to count."""

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """Successes over trials."""
        return self.successes / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval, which is sound for shares near 0 and 1 too."""
        if not self.trials:
            return math.nan, math.nan
        z, n, p = 1.959963984540054, self.trials, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = max(0.0, middle - half), min(1.0, middle + half)
        return low if self.successes else 0.0, high if self.successes < n else 1.0


def student_interval(values: npt.ArrayLike, confidence: float) -> tuple[float, float, float]:
    """Mean of a few values and Student's interval around it (1908); n - 1 degrees of freedom."""
    from scipy.stats import t

    mean, deviation = mean_and_deviation(values)
    count = np.size(values)
    reach = float(t.ppf((1 + confidence) / 2, count - 1)) * deviation / math.sqrt(count)
    return mean, mean - reach, mean + reach
