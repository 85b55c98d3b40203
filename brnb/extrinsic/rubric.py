"""A rubric for answers that no model judges: six criteria, each met or not (thesis 4.4.1.2, iii).

A pairwise judge says which answer it prefers and not why; a rubric says what is wrong with one
answer, the same for every model and order. Each criterion can be decided by a program, so it asks
for less than a reader would: an answer that meets all six may still be false.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from brnb.evaluate.legibility import FUNCTION_WORDS, repeated
from brnb.evaluate.statistics import Floats
from brnb.extrinsic.contamination import normalised
from brnb.extrinsic.floors import given_text
from brnb.extrinsic.predictions import Prediction
from brnb.extrinsic.safety import unsupported
from brnb.extrinsic.testsets import Item
from brnb.tokenizers.fragmentation import WORD

LENGTHS = (0.5, 2.0)
"""An answer has between these multiples of the words of the reference nearest to it."""

JUDGED_WORDS = 10  # from so many words on, the language of an answer can be told
FOREIGN = frozenset(
    WORD.findall("the of and to in is that it for was with this are you el los las una y")
)


def _finished(item: Item, answer: Prediction) -> bool:
    """The model ended the answer itself, and there is one."""
    return answer.ended and bool(answer.text.strip())


def _portuguese(item: Item, answer: Prediction) -> bool:
    """Frequent words of Portuguese outnumber those of English and Spanish, if it has words."""
    words = answer.text.lower().split()
    ours, others = (sum(word in known for word in words) for known in (FUNCTION_WORDS, FOREIGN))
    return bool(words) and (len(words) < JUDGED_WORDS or ours > others)


def _length(item: Item, answer: Prediction) -> bool:
    """About as long as a reference."""
    words = len(answer.text.split())
    low, high = LENGTHS
    return any(low * n <= words <= high * n for n in (len(r.split()) for r in item.references))


def _grounded(item: Item, answer: Prediction) -> bool:
    """No name and no number that neither prompt nor references hold."""
    return not unsupported(answer.text, " ".join((item.prompt, *item.references)))


def _fresh(item: Item, answer: Prediction) -> bool:
    """No copy of the text that was given, unless the reference is one too."""
    given, said = normalised(given_text(item)), normalised(answer.text)
    return said != given or given in map(normalised, item.references)


def _steady(item: Item, answer: Prediction) -> bool:
    """No run of four words twice."""
    return not any(repeated(answer.text.lower().split()))


CRITERIA: dict[str, Callable[[Item, Prediction], bool]] = {
    "finished": _finished,
    "portuguese": _portuguese,
    "length": _length,
    "grounded": _grounded,
    "fresh": _fresh,
    "steady": _steady,
}
"""The criteria by name: ended by the model, in Portuguese, of a fitting length, without inventions,
no copy, no loop."""


def grade(items: Sequence[Item], said: Sequence[Prediction]) -> Floats:
    """Whether each answer meets each of `CRITERIA`.

    Returns
    -------
    array, shape (items, criteria)
        Ones and zeros; an answer's mark is the mean of its row.
    """
    marks: list[Any] = [
        [criterion(item, answer) for criterion in CRITERIA.values()]
        for item, answer in zip(items, said, strict=True)
    ]
    return np.array(marks, dtype=np.float64).reshape(-1, len(CRITERIA))
