"""Lexical consistency of CPT (hypothesis ii of 4.4.1.2): base and adapted model write on."""

from collections.abc import Iterable, Sequence
from typing import Any

from brnb.evaluate.lexical import Lexical, lexical, vocabulary, words_of
from brnb.evaluate.statistics import Comparison, compare, together
from brnb.studies.adaptation import Evaluated
from brnb.text.finished import Document

MEASURES = {"known_words": "known", "fresh_words": "fresh"}
"""Labels of the measures of `brnb.evaluate.lexical.Lexical`."""


def written_words(
    evaluated: Evaluated, read: Iterable[str], **options: Any
) -> dict[str, Comparison]:
    """Compare what base and adapted model wrote after the same openings, measure by measure.

    Parameters
    ----------
    evaluated
        Of the CPT.
    read
        The documents that it trained on: their words are those of the register.
    **options
        Of `brnb.evaluate.statistics.compare`; the claims are corrected together (Holm).
    """
    known = vocabulary(read)
    sides = [lexical(texts, known) for texts in (evaluated.wrote_base, evaluated.wrote_adapted)]
    claims = {}
    for name, field in MEASURES.items():
        claims[name] = compare(*(getattr(side, field) for side in sides), **options)
    return together(claims)


def author_values(
    documents: Sequence[Document], read: Iterable[str], words: int
) -> dict[str, float]:
    """The same measures of what the authors wrote: the words after the first so many, as many."""
    texts = [" ".join(words_of(document.text)[words : 2 * words]) for document in documents]
    values: Lexical = lexical(texts, vocabulary(read))
    return {name: float(getattr(values, field).mean()) for name, field in MEASURES.items()}
