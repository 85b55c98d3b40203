"""Hypotheses i and iii of the dissertation (4.4.1.2), each with its measures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from brnb.evaluate.hypotheses import Evidence, HypothesisVerdict, of_comparison
from brnb.evaluate.statistics import Floats, compare
from brnb.extrinsic.rubric import CRITERIA
from brnb.extrinsic.scores import MAIN, ScoreRow, Scores, Sets, sets_of
from brnb.extrinsic.testsets import TASKS, Item

NARROWER = 0.9
"""All seeds together help if their interval has at most this share of a single seed's width."""


def coherence(
    items: Sequence[Item], marks: Mapping[str, Floats], rows: Sequence[ScoreRow], **options: Any
) -> list[Evidence]:
    """Hypothesis i: data in Portuguese and LoRA improve coherence and local style.

    Parameters
    ----------
    items
        Distinct items.
    marks
        `brnb.extrinsic.rubric.grade` of ``baseline`` and ``adapted``.
    rows
        Lines of Table 13 against the baseline, in the form of the claims.
    **options
        Of `compare`.
    """
    names = [item.hash for item in items]
    before, after = marks["baseline"], marks["adapted"]
    evidence = [
        of_comparison(
            "i", "rubric_mark", compare(before.mean(axis=1), after.mean(axis=1), names, **options)
        )
    ]
    for number, criterion in enumerate(CRITERIA):
        if criterion in ("portuguese", "steady", "grounded"):
            claim = compare(before[:, number], after[:, number], names, **options)
            evidence.append(of_comparison("i", f"rubric_{criterion}", claim))
    evidence += [of_comparison("i", f"{row.task}_{row.metric.lower()}", row.claim) for row in rows]
    return evidence


def several_seeds(
    sets: Sets, baseline: Scores, adapted: Scores, form: str, **options: Any
) -> list[Evidence]:
    """Hypothesis iii: several seeds reduce the chance in a result.

    One seed's interval of the gain, on the mean over seeds, beside that of all distinct items.
    """
    evidence = []
    for task in TASKS:
        metric, by_seed = MAIN[task][-1], sets_of(sets, task)
        distinct = list({item.hash: item for items in by_seed for item in items}.values())
        widths = []
        for items in (*by_seed, distinct):
            before, after = (scores.of(form, metric, items) for scores in (baseline, adapted))
            claim = compare(before, after, **options)
            widths.append(claim.high - claim.low)
        single, joint = float(np.mean(widths[:-1])), widths[-1]
        verdict: HypothesisVerdict = (
            "verdict_supported" if joint <= NARROWER * single else "verdict_open"
        )
        evidence.append(Evidence("iii", f"width_{task}", single, joint, None, None, verdict))
    return evidence
