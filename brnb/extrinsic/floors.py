"""Answers that need no model: what a metric gives for copying, cutting and guessing.

A gain over a weak baseline says little where copying the input scores more: the floors of Table
13. Summaries are compared with their first sentences since See et al. (2017, "Get To The Point",
lead-3); the answer to another item is what form alone is worth.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.testsets import TASKS, Item

LEAD = 3  # sentences
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=\S)|\n+")


def floor_predictions(items: Sequence[Item], seed: int) -> dict[str, list[Prediction]]:
    """The answers of each floor to all items.

    Parameters
    ----------
    items
        Distinct items, of any tasks.
    seed
        Draws the item whose answer is given: all items of a task in one random cycle, so that
        none gets its own unless it is alone.

    Returns
    -------
    dict
        ``copy``: `given_text`; ``lead``: its first `LEAD` sentences; ``other``: the first
        reference of another item of the task.
    """
    ways: dict[str, Callable[[Item], str]] = {
        "copy": given_text,
        "lead": lambda item: lead(given_text(item), LEAD),
    }
    answers = {name: [way(item) for item in items] for name, way in ways.items()}
    answers["other"] = _of_others(items, seed)
    return {
        name: [
            Prediction(i.id, i.hash, text, [], True) for i, text in zip(items, said, strict=True)
        ]
        for name, said in answers.items()
    }


def given_text(item: Item) -> str:
    """The text that an item gives: its input, else what follows a colon in the instruction, else
    the whole instruction."""
    return item.input or item.instruction.partition(":")[2].strip() or item.instruction


def lead(text: str, sentences: int) -> str:
    """The first sentences of a text; a line of its own counts as one."""
    parts = [part for part in _SENTENCE.split(text.strip()) if part.strip()]
    return " ".join(parts[:sentences])


def _of_others(items: Sequence[Item], seed: int) -> list[str]:
    said = [""] * len(items)
    for task in TASKS:
        places = [i for i, item in enumerate(items) if item.task == task]
        order = [places[i] for i in np.random.default_rng(seed).permutation(len(places))]
        for place, other in zip(order, [*order[1:], *order[:1]], strict=True):
            said[place] = items[other].references[0]
    return said
