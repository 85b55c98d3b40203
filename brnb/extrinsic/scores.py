"""Scores of answers, and the comparison of Table 13 (thesis 4.4.2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brnb.evaluate.statistics import Comparison, compare, mean_and_deviation, together
from brnb.evaluate.text_metrics import FORMS, METRICS, Floats, Form, score_pairs
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.testsets import TASKS, Item

MAIN = {"qa": ("em", "f1"), "summarisation": ("rougeL",), "rewriting": ("rougeL",)}
"""What Table 13 reports of each task."""

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

    `n` is the items of one seed; the comparison is over all distinct items.
    """

    task: str
    metric: str
    form: str
    n: int
    baseline_sd: float
    adapted_sd: float
    claim: Comparison


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
    baseline: Scores,
    adapted: Scores,
    forms: Sequence[Form],
    *,
    seed: int,
    resamples: int,
    confidence: float,
) -> list[ScoreRow]:
    """Compare two models as Table 13 does, with intervals and a test over items.

    An item that several seeds drew is one piece of evidence. All claims of a form are corrected
    together (Holm).

    Parameters
    ----------
    sets
        The test sets.
    baseline, adapted
        Scores of both models.
    forms
        Forms of the metrics; the rows of each follow those of the one before.
    seed, resamples, confidence
        Of bootstrap and test.
    """
    rows = []
    for form in forms:
        claims: dict[tuple[str, str], Comparison] = {}
        for task in TASKS:
            drawn = [item for (name, _), items in sets.items() if name == task for item in items]
            for metric in MAIN[task]:
                claims[task, metric] = compare(
                    baseline.of(form, metric, drawn),
                    adapted.of(form, metric, drawn),
                    [item.hash for item in drawn],
                    seed=seed,
                    resamples=resamples,
                    confidence=confidence,
                )
        keyed = together({f"{task} {metric}": claim for (task, metric), claim in claims.items()})
        for task, metric in claims:
            by_seed = [items for (name, _), items in sets.items() if name == task]
            before, after = (
                mean_and_deviation([scores.of(form, metric, items).mean() for items in by_seed])[1]
                for scores in (baseline, adapted)
            )
            claim = keyed[f"{task} {metric}"]
            rows.append(ScoreRow(task, metric, form, len(by_seed[0]), before, after, claim))
    return rows


def all_means(
    sets: Sets, models: Mapping[str, Scores]
) -> dict[tuple[str, str, str], dict[str, float]]:
    """Mean of every metric over all distinct items, by task, form and model."""
    means: dict[tuple[str, str, str], dict[str, float]] = {}
    for task in TASKS:
        drawn = {i.hash: i for (name, _), items in sets.items() if name == task for i in items}
        for form in FORMS:
            for name, scores in models.items():
                values = {m: scores.of(form, m, list(drawn.values())) for m in METRICS}
                means[task, form, name] = {m: float(np.nanmean(v)) for m, v in values.items()}
    return means
