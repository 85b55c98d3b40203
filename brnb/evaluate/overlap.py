"""Overlap of test items with what a model was trained on: exact, normalised, near-duplicate."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from brnb.evaluate.testsets import Item
from brnb.text.hashing import hash64
from brnb.text.overlap import Overlap

KINDS = ("exact", "normalised", "near_duplicate")


class Seen:
    """The prompts that training has read; says how a new one overlaps with them.

    Parameters
    ----------
    texts
        Of all splits that the adaptation used.
    threshold
        Jaccard index of character 5-grams, in (0, 1], from which two texts are near-duplicates.
        Characters, not words: one word more leaves a short question no word 5-gram in common.
    """

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        texts = list(texts)
        self._exact = {_hash(text) for text in texts}
        plain = dict.fromkeys(map(normalised, texts))
        self._normalised = {_hash(text) for text in plain}
        self._near = Overlap(map(_spelt, plain), threshold)

    def overlap(self, text: str) -> str | None:
        """One of `KINDS`, the closest first, or None."""
        if _hash(text) in self._exact:
            return "exact"
        plain = normalised(text)
        if _hash(plain) in self._normalised:
            return "normalised"
        return None if self._near.of(_spelt(plain)) is None else "near_duplicate"


def exclude(items: Sequence[Item], seen: Seen) -> tuple[list[Item], Counter[str]]:
    """The items whose prompt training has not seen, and how many were left out by kind."""
    found = [seen.overlap(item.prompt) for item in items]
    kept = [item for item, kind in zip(items, found, strict=True) if kind is None]
    return kept, Counter({name: found.count(name) for name in KINDS})


def normalised(text: str) -> str:
    """Letters and digits alone: lower case, without accents, words one blank apart."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    kept = (c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in spread)
    return " ".join("".join(kept).split())


def _spelt(plain: str) -> str:
    """Each character a word, for `Overlap` counts runs of words."""
    return " ".join(plain.replace(" ", "_"))


def _hash(text: str) -> int:
    return hash64(text.encode("utf-8", "surrogatepass"))
