"""H1-H3 of document 003 as statistics: an interval over items, and what follows from it.

All compare mixtures of experts (MoE) with dense models on the same items, in logarithms, and
resample the items of each benchmark. A statistic above 0 speaks for the hypothesis.

H1, efficiency of MoE
    How much the ratio MoE / dense of accuracy × tokens/s (the document's efficiency) rises from the
    short benchmark to the long one; beside it, of tokens/s alone.
H2, stability of dense models
    How much the coefficient of variation of the latency in short tasks is larger for MoE.
H3, overhead of MoE
    How much the ratio MoE / dense of the latency falls from short tasks to long ones; beside it,
    the penalty in short tasks itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from brnb.evaluate.statistics import Floats, percentiles
from brnb.latency.items import DOSMI, EXPERTISE

if TYPE_CHECKING:
    from brnb.latency.params import LatencyParams, Pairing

_Verdict = Literal["confirmed", "refuted", "undecided"]


@dataclass(frozen=True)
class HypothesisTest:
    """A hypothesis, measured in one comparison.

    Attributes
    ----------
    hypothesis
        ``H1``, ``H2`` or ``H3``.
    statistic
        What was compared: ``efficiency_gain``, ``throughput_gain``, ``variation_gap``,
        ``overhead_fall``, ``short_penalty``.
    value, low, high
        Difference of logarithms and its bootstrap interval; NaN where an accuracy of 0 leaves no
        logarithm.
    """

    comparison: str
    hypothesis: str
    statistic: str
    value: float
    low: float
    high: float

    @property
    def verdict(self) -> _Verdict:
        """Whether the interval lies above 0, below it, or holds it."""
        if self.low > 0:
            return "confirmed"
        return "refuted" if self.high < 0 else "undecided"


@dataclass(frozen=True)
class Timings:
    """A group of models on the items of one benchmark.

    Attributes
    ----------
    latency
        Seconds, shape (models, items, repeats).
    tokens
        New tokens of an answer, shape (items,).
    accuracy
        Checked answers, shape (models, items).
    """

    latency: Floats
    tokens: Floats
    accuracy: Floats

    def drawn(self, items: "np.ndarray") -> "Timings":
        """The same models on these items, repeated or left out."""
        return Timings(self.latency[:, items], self.tokens[items], self.accuracy[:, items])

    def log_latency(self) -> float:
        """Of the models' mean latency."""
        return float(np.log(self.latency.mean()))

    def log_throughput(self) -> float:
        """Of the models' mean tokens/s, an item's rate being that of its median latency."""
        rates = self.tokens / np.median(self.latency, axis=2)
        return float(np.log(rates.mean()))

    def log_efficiency(self) -> float:
        """Of the models' mean accuracy × tokens/s."""
        rates = (self.tokens / np.median(self.latency, axis=2)).mean(axis=1)
        with np.errstate(divide="ignore"):
            return float(np.log((self.accuracy.mean(axis=1) * rates).mean()))

    def log_variation(self) -> float:
        """Of the models' mean coefficient of variation over all timings."""
        flat = self.latency.reshape(len(self.latency), -1)
        with np.errstate(divide="ignore"):
            return float(np.log((flat.std(axis=1) / flat.mean(axis=1)).mean()))


_Group = Mapping[str, Timings]  # by benchmark
_Statistic = Callable[[_Group, _Group], float]


def _rise(measure: Callable[[Timings], float]) -> _Statistic:
    """How much MoE gains on dense models from the short benchmark to the long one."""

    def statistic(moe: _Group, dense: _Group) -> float:
        short, long = (measure(moe[name]) - measure(dense[name]) for name in (DOSMI, EXPERTISE))
        return long - short

    return statistic


def _in_short_tasks(measure: Callable[[Timings], float]) -> _Statistic:
    return lambda moe, dense: measure(moe[DOSMI]) - measure(dense[DOSMI])


STATISTICS: dict[tuple[str, str], _Statistic] = {
    ("H1", "efficiency_gain"): _rise(Timings.log_efficiency),
    ("H1", "throughput_gain"): _rise(Timings.log_throughput),
    ("H2", "variation_gap"): _in_short_tasks(Timings.log_variation),
    ("H3", "overhead_fall"): lambda moe, dense: -_rise(Timings.log_latency)(moe, dense),
    ("H3", "short_penalty"): _in_short_tasks(Timings.log_latency),
}


def findings_of(records: pd.DataFrame, params: "LatencyParams") -> list[HypothesisTest]:
    """Every statistic of every comparison.

    Parameters
    ----------
    records
        As `brnb.latency.study.answer_records` gives them.
    params
        Comparisons, seed, resamples and confidence.
    """
    findings = []
    for pairing in params.pairings:
        moe, dense = (_group(records, names) for names in (pairing.moe, pairing.dense))
        findings += _findings(pairing, moe, dense, params)
    return findings


def _findings(
    pairing: "Pairing", moe: _Group, dense: _Group, params: "LatencyParams"
) -> list[HypothesisTest]:
    """The same resamples for all statistics, and for both groups: items are paired."""
    random = np.random.default_rng(params.seed)
    draws = []
    for _ in range(params.resamples):
        items = {b: random.integers(len(s.tokens), size=len(s.tokens)) for b, s in moe.items()}
        both = ({b: s.drawn(items[b]) for b, s in group.items()} for group in (moe, dense))
        groups = tuple(both)
        draws.append([statistic(*groups) for statistic in STATISTICS.values()])
    findings = []
    for (key, statistic), drawn in zip(STATISTICS.items(), np.array(draws).T, strict=True):
        with np.errstate(invalid="ignore"):
            value = statistic(moe, dense)
        low, high = _ends(value, drawn, params.confidence)
        findings.append(HypothesisTest(pairing.name, *key, value, low, high))
    return findings


def _ends(value: float, draws: Floats, confidence: float) -> tuple[float, float]:
    """Percentile interval; none where a resample has no right answer, and so no logarithm."""
    if not (np.isfinite(value) and np.isfinite(draws).all()):
        return float("nan"), float("nan")
    low, high = percentiles(draws, confidence)
    return float(low), float(high)


def _group(records: pd.DataFrame, models: Sequence[str]) -> _Group:
    return {name: _sample(records, name, models) for name in (DOSMI, EXPERTISE)}


def _sample(records: pd.DataFrame, benchmark: str, models: Sequence[str]) -> Timings:
    rows = records[(records["benchmark"] == benchmark) & records["model"].isin(models)]
    rows = rows.sort_values(["model", "item", "repeat"])
    items, repeats = rows["item"].nunique(), rows["repeat"].nunique()
    shape = len(models), items, repeats
    return Timings(
        latency=rows["latency_s"].to_numpy(float).reshape(shape),
        tokens=rows["new_tokens"].to_numpy(float).reshape(shape)[0, :, 0],
        accuracy=rows["checked"].to_numpy(float).reshape(shape)[:, :, 0],
    )
