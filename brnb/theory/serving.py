"""Padding, throughput, latency and use of a machine that answers (B.3.3, Eqs. B.133-B.136)."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import ArrayLike

from brnb.theory.units import not_negative, positive, share


@dataclass(frozen=True)
class ServingSchedule:
    """Steps at which each request starts and ends; a step makes one token in every slot.

    Attributes
    ----------
    starts, ends
        Of each request, in steps.
    slots
        Requests that advance together.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    slots: int

    @property
    def steps(self) -> int:
        """Until the last request ends."""
        return max(self.ends)

    @property
    def tokens(self) -> int:
        """Made in all."""
        return sum(self.ends) - sum(self.starts)

    @property
    def utilisation(self) -> float:
        """Share of all slots and steps that make a token."""
        return self.tokens / (self.steps * self.slots)


def padded_schedule(lengths: Sequence[int], slots: int) -> ServingSchedule:
    """Batches of `slots` requests, each batch as long as its longest.

    Each request ends with its own last token, and leaves its slot empty until the batch ends.
    """
    positive("tokens", lengths=list(lengths))
    positive("slots", slots=slots)
    starts: list[int] = []
    step = 0
    for first in range(0, len(lengths), slots):
        batch = lengths[first : first + slots]
        starts += [step] * len(batch)
        step += max(batch)
    return ServingSchedule(tuple(starts), tuple(map(sum, zip(starts, lengths, strict=True))), slots)


def continuous_schedule(lengths: Sequence[int], slots: int) -> ServingSchedule:
    """Requests in order, each into the first slot that is free (Algorithm 21, all waiting at 0)."""
    positive("tokens", lengths=list(lengths))
    positive("slots", slots=slots)
    free = [0] * slots
    heapify(free)
    starts: list[int] = []
    for length in lengths:
        starts.append(free[0])
        heapreplace(free, free[0] + length)
    return ServingSchedule(tuple(starts), tuple(map(sum, zip(starts, lengths, strict=True))), slots)


def padding_utilisation(lengths: ArrayLike) -> float:
    """Share of a padded batch that is tokens, sum of lengths over B times the longest (B.133)."""
    positive("tokens", lengths=lengths)
    sizes = np.asarray(lengths, dtype=np.float64)
    return float(sizes.mean() / sizes.max())


def exponential_utilisation(batch: int, cutoff: float = 60.0) -> float:
    """Expected length over expected longest of `batch` exponential lengths, cut at `cutoff` means.

    The text says 60-70% "for a typical distribution (truncated exponential)". Uncut it is one over
    the harmonic number: 67% of two sequences, 37% of eight, 25% of 32. Cut at the
    mean, nearly uniform, eight have 50%. Only batches of two or three have the text's numbers.

    Parameters
    ----------
    batch
        B.
    cutoff
        Longest length, in units of the uncut mean.
    """
    positive("sequences", batch=batch)
    positive("means", cutoff=cutoff)
    grid = np.linspace(0, cutoff, 200_001)
    below = np.expm1(-grid) / np.expm1(-cutoff)  # of the cut distribution
    mean, longest = (np.trapezoid(1 - below**n, grid) for n in (1, batch))
    return float(mean / longest)


def throughput(tokens: float, seconds: float, gpus: int) -> float:
    """Generated tokens a second for each GPU (Eq. B.134)."""
    not_negative("tokens", tokens=tokens)
    positive("s", seconds=seconds)
    positive("GPUs", gpus=gpus)
    return tokens / seconds / gpus


def mean_latency(starts: ArrayLike, ends: ArrayLike) -> float:
    """Mean seconds from a request's start to its end (Eq. B.135).

    Raises
    ------
    ValueError
        If a request ends before it starts.
    """
    waited = np.asarray(ends, dtype=np.float64) - np.asarray(starts, dtype=np.float64)
    if (waited < 0).any():
        raise ValueError(f"ends: request {int(np.argmin(waited))} ends before it starts (s)")
    return float(waited.mean())


def busy_share(busy: float, total: float) -> float:
    """Share of the time in which the machine computes (Eq. B.136)."""
    positive("s", total=total)
    share(**{"busy / total": busy / total})
    return busy / total
