"""What of an extrinsic evaluation is kept for whoever recomputes it: means by seed, item scores.

The dissertation versions ``eval_trilha2_extrinsic_multiseed.json`` and ``details*.jsonl``
(4.4.1.2). Ours hold no text: prompts and references belong to their data sets, and each item is
named by the hash of both.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brnb.atomic import write_atomic
from brnb.evaluate.statistics import mean_and_deviation
from brnb.evaluate.text_metrics import FORMS, METRICS
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.scores import Scores, Sets, sets_of, shared_items
from brnb.extrinsic.testsets import TASKS, Item


def aggregate(sets: Sets, models: Mapping[str, Scores], names: Mapping[str, str]) -> dict[str, Any]:
    """Means of every metric by model, task, form and seed, with their mean and deviation.

    Parameters
    ----------
    sets
        The test sets.
    models, names
        Scores by system, and which model that is.
    """
    seeds = list(dict.fromkeys(seed for _, seed in sets))
    return {
        "seeds": seeds,
        "items": {task: len(sets_of(sets, task)[0]) for task in TASKS},
        "shared_items": {task: shared_items(sets_of(sets, task)) for task in TASKS},
        "models": dict(names),
        "means": {
            system: {
                task: {
                    form: {m: _over_seeds(sets_of(sets, task), scores, form, m) for m in METRICS}
                    for form in FORMS
                }
                for task in TASKS
            }
            for system, scores in models.items()
        },
    }


def write_aggregate(path: Path, content: Mapping[str, Any]) -> None:
    """Write `aggregate` as JSON that a reader can read too."""
    write_atomic(path, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_details(
    path: Path, sets: Sets, items: Sequence[Item], said: Sequence[Prediction], scores: Scores
) -> None:
    """Write one line an item: who drew it, how long the answer is, and every metric of it."""
    seeds: dict[str, list[int]] = {}
    for (_, seed), drawn in sets.items():
        for item in drawn:
            seeds.setdefault(item.hash, []).append(seed)
    lines = []
    for item, answer in zip(items, said, strict=True):
        row: dict[str, Any] = {"id": item.id, "hash": item.hash, "task": item.task}
        row |= {"seeds": seeds[item.hash], "tokens": len(answer.tokens), "ended": answer.ended}
        for (form, metric), values in scores.values.items():
            row[f"{metric}_{form}"] = _number(values[item.hash])
        lines.append(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
    write_atomic(path, "".join(lines))


def _over_seeds(
    by_seed: Sequence[Sequence[Item]], scores: Scores, form: str, metric: str
) -> dict[str, Any]:
    means = [float(np.nanmean(scores.of(form, metric, items))) for items in by_seed]
    mean, deviation = mean_and_deviation(means)
    return {"by_seed": means, "mean": mean, "deviation": _number(deviation)}


def _number(value: float) -> float | None:
    """JSON has no NaN: the length ratio of an empty reference is null."""
    return None if value != value else round(value, 6)
