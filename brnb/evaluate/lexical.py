"""Lexical consistency of what a model writes on: does it stay in the words of the register?

The dissertation expects CPT to bring "consistência lexical" (4.4.1.2, hypothesis ii) and names no
measure. Here a model goes on with the beginnings of held-out documents; a word is consistent if
it stands in documents of the same kind, and what the authors themselves wrote next is the ceiling.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from brnb.evaluate.legibility import repeated
from brnb.evaluate.statistics import Floats
from brnb.tokenizers.fragmentation import WORD


@dataclass(frozen=True)
class Lexical:
    """Measures of each text, shape (texts,): shares in [0, 1].

    Attributes
    ----------
    known
        Words that the vocabulary has; 0 for a text without words.
    fresh
        Runs of four words that did not stand in the text before; 1 for a text of fewer.
    """

    known: Floats
    fresh: Floats


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts, in lower case; a word is a run of letters."""
    return frozenset(word for text in texts for word in words_of(text))


def lexical(texts: Sequence[str], known: frozenset[str]) -> Lexical:
    """Measure texts against a `vocabulary`."""
    words = [words_of(text) for text in texts]
    shares = [_mean([word in known for word in text], 0.0) for text in words]
    fresh = [1 - _mean(repeated(text), 0.0) for text in words]
    return Lexical(np.array(shares), np.array(fresh))


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def _mean(flags: Sequence[bool], empty: float) -> float:
    return sum(flags) / len(flags) if flags else empty
