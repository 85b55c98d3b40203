"""Means that n yes-or-no answers can have (the GRIM test of Brown and Heathers, 2017)."""

from itertools import combinations_with_replacement
from statistics import stdev


def possible(mean: float, deviation: float, n: int, groups: int, decimals: int = 3) -> bool:
    """Whether `groups` samples of `n` binary answers can print this mean and deviation.

    Parameters
    ----------
    mean, deviation
        As printed, of the groups' shares; the deviation is that of a sample.
    n, groups
        Answers in each group, and how many groups.
    decimals
        Printed decimals of both.
    """
    half = 0.5 * 10.0**-decimals + 1e-12
    total = n * groups
    for right in range(int((mean - half) * total), int((mean + half) * total) + 2):
        if abs(right / total - mean) <= half and _spread(right, deviation, n, groups, half):
            return True
    return False


def mean_possible(mean: float, n: int, decimals: int) -> bool:
    """Whether a mean of `n` integers can print as this number."""
    nearest = round(mean * n) / n
    return abs(nearest - mean) <= 0.5 * 10.0**-decimals + 1e-12


def _spread(right: int, deviation: float, n: int, groups: int, half: float) -> bool:
    """Whether some division of the right answers among the groups has the deviation."""
    reach = int(4 * deviation * n) + 2
    center = right // groups
    counts = range(max(0, center - reach), min(n, center + reach) + 1)
    return any(
        abs(stdev(count / n for count in parts) - deviation) <= half
        for parts in combinations_with_replacement(counts, groups)
        if sum(parts) == right
    )
