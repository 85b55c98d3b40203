"""Texts that stand, nearly the same, on both sides of a split.

Two texts overlap if the Jaccard index of their sets of word 5-grams reaches a threshold, case and
punctuation aside (Broder, 1997; the measure by which Lee et al., 2022, deduplicate). Candidates
are found by the smallest hashes of each set, and then compared in full.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from brnb.text.hashing import hash64

WORDS = 5  # of a shingle; of fewer words, the text as a whole is one
SKETCH = 64  # smallest hashes by which candidates are found
_WORD = re.compile(r"\w+")
_MIX = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


class Overlap:
    """Finds texts that overlap with any of a fixed set, such as all held-out texts.

    Parameters
    ----------
    texts
        The set; 8 bytes a word are kept.
    threshold
        Jaccard index in (0, 1]; 1 finds only equal sets of shingles.

    Examples
    --------
    >>> held_out = Overlap(["O rato roeu a roupa do rei de Roma."], threshold=0.8)
    >>> held_out.of("o rato roeu a roupa do rei de roma!")
    0
    """

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold {threshold} is not in (0, 1]")
        self._threshold = threshold
        self._words: dict[str, int] = {}
        self._known = [self._shingles(text) for text in texts]
        self._places: dict[int, list[int]] = {}
        for place, shingles in enumerate(self._known):
            for value in shingles[:SKETCH].tolist():
                self._places.setdefault(value, []).append(place)

    def of(self, text: str) -> int | None:
        """Number of the first text of the set that overlaps with this one, or None."""
        return next(self._overlapping(text), None)

    def all(self, text: str) -> list[int]:
        """Numbers of all texts of the set that overlap with this one."""
        return list(self._overlapping(text))

    def _overlapping(self, text: str) -> Iterator[int]:
        shingles = self._shingles(text)
        sketch = shingles[:SKETCH].tolist()
        shared = Counter(chain.from_iterable(self._places.get(value, ()) for value in sketch))
        # Of two sketches, a share near the Jaccard index is in both: a quarter of it is 6 standard
        # deviations away, and spares the comparison of texts that share an instruction only.
        least = self._threshold / 4 * len(sketch)
        likely = sorted(place for place, count in shared.items() if count >= least)
        return (p for p in likely if self._reached(shingles, self._known[p], shared[p]))

    def _reached(self, one: Hashes, other: Hashes, shared: int) -> bool:
        """Whether the Jaccard index is the threshold or more; `shared` is of the sketches."""
        if max(len(one), len(other)) > SKETCH:  # else the sketches are the sets themselves
            shared = len(np.intersect1d(one, other, assume_unique=True))
        return shared >= self._threshold * (len(one) + len(other) - shared)

    def _shingles(self, text: str) -> Hashes:
        """Hashes of the word 5-grams of a text, each once, from the smallest up."""
        words = np.array([self._hash(word) for word in _WORD.findall(text.casefold())], np.uint64)
        count = max(1, len(words) - WORDS + 1)
        hashes = np.zeros(count, np.uint64)
        for offset in range(min(WORDS, len(words))):  # a polynomial of the words, modulo 2^64
            hashes = (hashes * _MIX) ^ words[offset : offset + count]
        hashes ^= hashes >> np.uint64(31)  # its low bits are poor: spread the high ones over them
        return np.unique(hashes * _MIX)

    def _hash(self, word: str) -> int:
        if word not in self._words:
            self._words[word] = hash64(word.encode())
        return self._words[word]


def split_apart(
    splits: Sequence[Sequence[str]], threshold: float
) -> tuple[list[list[int]], list[int]]:
    """Places of the texts to keep in each split, so that no two splits overlap.

    Parameters
    ----------
    splits
        Texts of each split, the one to be kept whole first: of the others, whatever overlaps with
        an earlier one goes.
    threshold
        As for `Overlap`.

    Returns
    -------
    kept
        Places in each split, ascending.
    removed
        How many texts each split lost.
    """
    kept: list[list[int]] = []
    earlier: list[str] = []
    for texts in splits:
        known = Overlap(earlier, threshold)
        kept.append([place for place, text in enumerate(texts) if known.of(text) is None])
        earlier += [texts[place] for place in kept[-1]]
    return kept, [len(texts) - len(places) for texts, places in zip(splits, kept, strict=True)]
