"""Scores of answers, and the comparison of Table 13 (thesis 4.4.2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from brnb.evaluate.statistics import Comparison, compare, holm, mean_and_deviation
from brnb.evaluate.text_metrics import FORMS, METRICS, Floats, Form, score_pairs
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.testsets import TASKS, Item

MAIN = {"qa": ("em", "f1"), "summarisation": ("rougeL",), "rewriting": ("rougeL",)}
"""What Table 13 reports of each task."""

MOST_SHARED = 0.5
"""Seeds whose sets have more than this share of their items in common say nothing of the spread."""

Sets = Mapping[tuple[str, int], Sequence[Item]]
"""Test sets by task and sampling seed."""


@dataclass(frozen=True)
class Scores:
    """Scores of one model: by form and metric, those of each item, by its hash."""

    values: dict[tuple[str, str], dict[str, float]]

    def of(self, form: str, metric: str, items: Sequence[Item]) -> Floats:
        """The scores of some items, in their order."""
        by_item = self.values[form, metric]
        return np.array([by_item[item.hash] for item in items])


@dataclass(frozen=True)
class ScoreRow:
    """A line of Table 13: means and sample deviations over seeds, and the paired comparison.

    Attributes
    ----------
    against
        What the adapted model is compared with: the baseline, another model, or a floor.
    n
        Items of one seed; the comparison is over all distinct items.
    shared
        Share of its items that a seed's set has, on the mean, in common with another seed's.
    pool
        Items that the seeds drew from, None if nobody said.
    """

    task: str
    metric: str
    form: str
    against: str
    n: int
    shared: float
    pool: int | None
    baseline_sd: float
    adapted_sd: float
    claim: Comparison

    @property
    def spread(self) -> tuple[float, float] | None:
        """Both deviations; None where the seeds drew so much alike that they mean nothing."""
        return None if self.shared > MOST_SHARED else (self.baseline_sd, self.adapted_sd)


def score_answers(items: Sequence[Item], predictions: Sequence[Prediction]) -> Scores:
    """Score the answers to distinct items in every form; empty answers count as they are.

    Raises
    ------
    ValueError
        If an answer is not to the item beside it.
    """
    for item, prediction in zip(items, predictions, strict=True):
        if item.hash != prediction.hash:
            raise ValueError(
                f"the answer to {prediction.id!r} has hash {prediction.hash}, the item "
                f"{item.hash}: answers and test set do not belong together"
            )
    pairs = [(p.text, item.references) for item, p in zip(items, predictions, strict=True)]
    hashes = [item.hash for item in items]
    values: dict[tuple[str, str], dict[str, float]] = {}
    for form in FORMS:
        for metric, numbers in score_pairs(pairs, form).items():
            values[form, metric] = dict(zip(hashes, numbers.tolist(), strict=True))
    return Scores(values)


def table13(
    sets: Sets,
    references: Mapping[str, Scores],
    adapted: Scores,
    forms: Sequence[Form],
    *,
    seed: int,
    resamples: int,
    confidence: float,
    pool: Mapping[str, int] | None = None,
) -> list[ScoreRow]:
    """Compare the adapted model with others as Table 13 does, with intervals and a test over items.

    An item that several seeds drew is one piece of evidence. All claims of a form are corrected
    together (Holm), whatever they are made against.

    Parameters
    ----------
    sets
        The test sets.
    references, adapted
        Scores of what is compared with, by name, and of the adapted model.
    forms
        Forms of the metrics; the rows of each follow those of the one before.
    seed, resamples, confidence
        Of bootstrap and test.
    pool
        Items of each task that the seeds drew from.
    """
    options: dict[str, Any] = {"seed": seed, "resamples": resamples, "confidence": confidence}
    rows: list[ScoreRow] = []
    for form in forms:
        of_form = [
            _row(sets, (task, metric, form), name, scores, adapted, pool, options)
            for task in TASKS
            for metric in MAIN[task]
            for name, scores in references.items()
        ]
        adjusted = holm([row.claim.p_value for row in of_form])
        rows += [
            replace(row, claim=replace(row.claim, p_adjusted=p))
            for row, p in zip(of_form, adjusted, strict=True)
        ]
    return rows


def _row(
    sets: Sets,
    line: tuple[str, str, Form],
    name: str,
    reference: Scores,
    adapted: Scores,
    pool: Mapping[str, int] | None,
    options: Mapping[str, Any],
) -> ScoreRow:
    task, metric, form = line
    by_seed = sets_of(sets, task)
    drawn = [item for items in by_seed for item in items]
    old, new = (scores.of(form, metric, drawn) for scores in (reference, adapted))
    claim = compare(old, new, [item.hash for item in drawn], **options)
    before, after = (
        mean_and_deviation([scores.of(form, metric, items).mean() for items in by_seed])[1]
        for scores in (reference, adapted)
    )
    return ScoreRow(
        *(task, metric, form, name),
        n=len(by_seed[0]),
        shared=shared_items(by_seed),
        pool=pool[task] if pool else None,
        baseline_sd=before,
        adapted_sd=after,
        claim=claim,
    )


def sets_of(sets: Sets, task: str) -> list[Sequence[Item]]:
    """The sets of a task, in the order of the seeds."""
    return [items for (name, _), items in sets.items() if name == task]


def shared_items(sets: Sequence[Sequence[Item]]) -> float:
    """Mean over all pairs of sets of the items in both, as a share of the smaller set."""
    hashes = [{item.hash for item in items} for items in sets]
    shares = [len(a & b) / min(len(a), len(b)) for a, b in combinations(hashes, 2)]
    return sum(shares) / len(shares) if shares else 1.0


def all_means(
    sets: Sets, models: Mapping[str, Scores]
) -> dict[tuple[str, str, str], dict[str, float]]:
    """Mean of every metric over all distinct items, by task, form and model."""
    means: dict[tuple[str, str, str], dict[str, float]] = {}
    for task in TASKS:
        drawn = {item.hash: item for items in sets_of(sets, task) for item in items}
        for form in FORMS:
            for name, scores in models.items():
                values = {m: scores.of(form, m, list(drawn.values())) for m in METRICS}
                means[task, form, name] = {m: float(np.nanmean(v)) for m, v in values.items()}
    return means
