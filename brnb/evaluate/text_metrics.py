"""Text metrics of the extrinsic evaluation (thesis 4.4.1.2, Table 13), each in several forms.

The public definitions were made for English. rouge-score keeps only ``[a-z0-9]``, so "ação" is
the words "a" and "o", and "avó" equals "avô"; SQuAD's normaliser deletes the word "a", which in
Portuguese is also a preposition. Every metric therefore comes in `FORMS`:

``legacy``
    Comparable with published numbers: ROUGE equals rouge-score 0.1.2 without stemmer, EM and F1
    equal SQuAD's evaluation script 2.0, chrF equals sacrebleu's chrF2 (over 100).
``pt``
    Words are runs of Unicode letters and digits of the lower-case NFC text, accents kept;
    characters of no width are deleted. EM and F1 read numbers, signs, contractions and articles
    as `brnb.evaluate.short_answers` says.
``pt_folded``
    ``pt`` with the accents removed: the dissertation's QA has "normalização de caixa/acentos".

LaTeX, HTML and control characters are text like any other: nothing is rendered, removed or run.
A text without words is an empty answer, to `legacy`; to the others only a blank one is. EM and F1
are 1 where prediction and reference are both empty; ROUGE is 0 where either is; the length ratio
over an empty reference is NaN.
"""

import math
import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from brnb.evaluate.ngrams import Integers, numbered, shared_ngrams
from brnb.evaluate.short_answers import answer_words

Floats = npt.NDArray[np.float64]
ScoredPair = tuple[str, str | Sequence[str]]
Form = Literal["legacy", "pt", "pt_folded"]

METRICS = ("em", "f1", "rouge1", "rouge2", "rougeL", "chrf", "length_ratio")
"""Names of the metrics in the order in which a table shows them."""

CHRF_ORDER, CHRF_BETA = 6, 2
HALVES = "surrogatepass"  # a model's bytes can hold half of a surrogate pair: like any character
BLOCK = 2**11  # pairs scored at once: some tens of MB

_ASCII_WORD = bytes(
    c if chr(c) in string.ascii_lowercase + string.digits else 32 for c in range(256)
)
_WORD = re.compile("\\w[\\w\u0300-\u036f]*")
_MARKS = re.compile("[\u0300-\u036f]+")
_ENGLISH_ARTICLE = re.compile(r"a(?<!\wa)n?\b|t(?<!\wt)he\b")  # fast: it begins with a letter
_PUNCTUATION = string.punctuation.encode()
_BLANKS = np.array([c for c in range(2**16) if chr(c).isspace()], dtype="<u4")
_NO_WIDTH = str.maketrans("", "", "\u00ad\u200b\u200c\u200d\u2060\ufeff")


class ReadText(NamedTuple):
    """What a form sees in a text: its words, its words as a short answer, its characters."""

    words: list[str]
    answer: list[str]
    characters: str


def _legacy(text: str) -> ReadText:
    lower = text.lower()
    words = lower.encode("ascii", "replace").translate(_ASCII_WORD).decode().split()
    plain = lower.encode("utf-8", HALVES).translate(None, _PUNCTUATION).decode("utf-8", HALVES)
    return ReadText(words, _ENGLISH_ARTICLE.sub(" ", plain).split(), text)


def _pt(text: str) -> ReadText:
    visible = text if text.isprintable() else text.translate(_NO_WIDTH)
    words = _WORD.findall(unicodedata.normalize("NFC", visible.lower()).replace("_", " "))
    characters = unicodedata.normalize("NFC", visible)
    return ReadText(words, answer_words(characters), characters)


def _pt_folded(text: str) -> ReadText:
    words, answer, characters = _pt(text)  # articles first: they are told by their accents too
    folded, answer = (_fold(" ".join(part)).split() for part in (words, answer))
    return ReadText(folded, answer, _fold(characters))


def _fold(text: str) -> str:
    """Remove the accents and the cedilla."""
    return text if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", text))


TextReader = Callable[[str], ReadText]
FORMS: dict[Form, TextReader] = {"legacy": _legacy, "pt": _pt, "pt_folded": _pt_folded}
"""How each form reads a text, in the order in which a table shows them."""


def score_pairs(pairs: Iterable[ScoredPair], form: Form) -> dict[str, Floats]:
    """Score every prediction against its reference, or the best of its references.

    Parameters
    ----------
    pairs
        N predictions, each with one reference or a list of them.
    form
        How texts become words; see the module's docstring.

    Returns
    -------
    dict of str to array, shape (N,)
        One array for each of `METRICS`, all in [0, 1] but the last: ``em`` and ``f1`` of
        Rajpurkar et al. (2016, 2018); ``rouge1``, ``rouge2`` and ``rougeL``, the F-measures of
        Lin (2004) over the whole text; ``chrf``, with six orders, beta 2 and no blanks, of
        Popović (2015, 2016); ``length_ratio``, words of the prediction over those of the
        reference, with the reference that brings it nearest to 1.

    Raises
    ------
    TypeError
        If a text is not a string.
    ValueError
        If a prediction has no reference, or the form is unknown.
    """
    if form not in FORMS:
        raise ValueError(f"form {form!r} is unknown; use one of {', '.join(FORMS)}")
    predictions, references, first = _flatten(pairs)
    if not predictions:
        return {name: np.empty(0) for name in METRICS}
    blocks = [slice(start, start + BLOCK) for start in range(0, len(predictions), BLOCK)]
    scores = [_scores(predictions[at], references[at], FORMS[form]) for at in blocks]
    *values, ratio = np.concatenate(scores, axis=1)
    best = [np.maximum.reduceat(of_all, first) for of_all in values]
    pair = np.repeat(np.arange(len(first)), np.diff(first, append=len(ratio)))
    nearest = np.lexsort((np.abs(ratio - 1), pair))[first]  # NaN comes last
    return dict(zip(METRICS, (*best, ratio[nearest]), strict=True))


def _flatten(pairs: Iterable[ScoredPair]) -> tuple[list[str], list[str], Integers]:
    """One prediction for each reference, the references, and where each pair's first one is."""
    predictions, references, first = list[str](), list[str](), list[int]()
    for number, (prediction, reference) in enumerate(pairs):
        several = isinstance(reference, list | tuple | np.ndarray)
        choices: list[Any] = [*reference] if several else [reference]
        if not choices:
            raise ValueError(f"pair {number} has no reference; give one, or '' for an empty answer")
        for text in (prediction, *choices):
            if not isinstance(text, str):
                raise TypeError(
                    f"pair {number}: {str(text)[:40]!r} is of type {type(text).__name__}, not str; "
                    "decode bytes as UTF-8, and write '' for an empty answer"
                )
        first.append(len(references))
        predictions += [prediction] * len(choices)
        references += choices
    return predictions, references, np.array(first, dtype=np.int64)


def _scores(predictions: Sequence[str], references: Sequence[str], read: TextReader) -> Floats:
    """The rows are `METRICS`, the columns pairs of a prediction and one reference."""
    readings = [read(text) for pair in zip(predictions, references, strict=True) for text in pair]
    pairs = list(zip(readings[::2], readings[1::2], strict=True))
    equal = np.array([guess.answer == answer.answer for guess, answer in pairs], dtype=float)
    (f1,), sizes = _f_measures([reading.answer for reading in readings], 1)
    f1[~sizes.any(axis=1)] = 1.0
    words = [reading.words for reading in readings]
    (rouge1, rouge2), sizes = _f_measures(words, 2)
    longest = np.array([_longest_common(guess.words, text.words) for guess, text in pairs])
    given, expected = sizes.T
    ratio = np.where(expected > 0, given / np.maximum(expected, 1), math.nan)
    chrf = _chrf([reading.characters for reading in readings])
    return np.array([equal, f1, rouge1, rouge2, _f1(longest, sizes), chrf, ratio])


def _f_measures(texts: Sequence[Sequence[str]], orders: int) -> tuple[list[Floats], Integers]:
    """F1 of the n-grams of words that each two texts share, and how many words they have."""
    symbols, sizes = numbered(texts)
    sizes = sizes.reshape(-1, 2)
    overlaps = shared_ngrams(symbols, sizes, orders).T
    return [_f1(both, sizes - n) for n, both in enumerate(overlaps)], sizes


def _f1(both: Integers, sizes: Integers) -> Floats:
    """F-measures of shared counts, shape (N,), and lengths, shape (N, 2)."""
    precision, recall = (both[:, None] / np.maximum(sizes, 1)).T
    total = precision + recall
    return 2 * precision * recall / np.where(total > 0, total, 1)


def _longest_common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyrö, 2004).

    Bit j of `row` is 0 where the subsequence grows with word j of `other`; a word of `one` moves
    all columns of the dynamic programme with one addition.
    """
    places: dict[str, int] = {}
    for j, word in enumerate(other):
        places[word] = places.get(word, 0) | 1 << j
    every = row = (1 << len(other)) - 1
    for word in one:
        if here := row & places.get(word, 0):
            row = (row + here | row - here) & every
    return len(other) - row.bit_count()


def _chrf(texts: Sequence[str]) -> Floats:
    """F-measure of the precision and the recall averaged over the orders that both texts reach."""
    symbols = np.frombuffer("".join(texts).encode("utf-32-le", HALVES), dtype="<u4")
    seen = ~np.isin(symbols, _BLANKS)
    ends = np.cumsum([0, *map(len, texts)])
    lengths = np.diff(np.append(0, np.cumsum(seen))[ends]).reshape(-1, 2)
    symbols = symbols[seen]
    totals = np.maximum(lengths[:, :, None] - np.arange(CHRF_ORDER), 1)
    ratios = shared_ngrams(symbols, lengths, CHRF_ORDER)[:, None, :] / totals
    orders = np.clip(lengths.min(axis=1), 1, CHRF_ORDER)
    precision, recall = (ratios.sum(axis=2) / orders[:, None]).T
    weighted = CHRF_BETA**2 * precision + recall
    return (1 + CHRF_BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


@dataclass(frozen=True)
class TokenizerEffect:
    """Means over pairs of one of `METRICS`, under the legacy and the Portuguese definition.

    The floors are what the metric gives for nothing, with each prediction beside the reference of
    another pair; `changed` is the share of the pairs on which the two definitions differ.
    """

    metric: str
    legacy: float
    pt: float
    legacy_floor: float
    pt_floor: float
    changed: float


def tokenizer_effect(pairs: Sequence[ScoredPair], seed: int = 0) -> list[TokenizerEffect]:
    """Measure how much the legacy tokenizers change EM, F1 and ROUGE.

    Parameters
    ----------
    pairs
        At least two predictions with their references, or a ValueError is raised.
    seed
        Draws the other pair for the floor: all pairs in one random cycle, so none meets its own.
    """
    if len(pairs) < 2:
        raise ValueError(f"the floor needs the references of other pairs; {len(pairs)} given")
    cycle = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    mixed = [(pairs[i][0], pairs[j][1]) for i, j in pairwise([*cycle, cycle[0]])]
    legacy, pt = score_pairs(pairs, "legacy"), score_pairs(pairs, "pt")
    legacy_floor, pt_floor = score_pairs(mixed, "legacy"), score_pairs(mixed, "pt")
    effects = []
    for name in METRICS[:5]:
        scores, floor = (legacy[name], pt[name]), (legacy_floor[name], pt_floor[name])
        columns = (*scores, *floor, scores[0] != scores[1])
        effects.append(TokenizerEffect(name, *(float(column.mean()) for column in columns)))
    return effects
