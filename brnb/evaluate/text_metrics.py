"""Text metrics of the extrinsic evaluation (thesis 4.4.1.2, Table 13), each in several forms.

The public definitions were made for English. rouge-score keeps only ``[a-z0-9]``, so "ação" is
the words "a" and "o", and "avó" equals "avô"; SQuAD's normaliser deletes the word "a", which in
Portuguese is also a preposition. Every metric therefore comes in `FORMS`:

``legacy``
    Comparable with published numbers: ROUGE equals rouge-score 0.1.2 without stemmer, EM and F1
    equal SQuAD's evaluation script 2.0, chrF equals sacrebleu's chrF2 (over 100).
``pt``
    Words are runs of Unicode letters and digits of the lower-case NFC text, accents kept;
    characters of no width are deleted. EM and F1 leave out the Portuguese articles, but not from
    an answer that has no other word: the alternative "A" is an answer.
``pt_folded``
    ``pt`` with the accents removed: the dissertation's QA has "normalização de caixa/acentos".

LaTeX, HTML and control characters are text like any other: nothing is rendered, removed or run.
A text without words is an empty answer. EM and F1 are 1 where prediction and reference are both
empty; ROUGE is 0 where either is; the length ratio over an empty reference is NaN.
"""

import math
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer]
Pair = tuple[str, str | Sequence[str]]
Form = Literal["legacy", "pt", "pt_folded"]

METRICS = ("em", "f1", "rouge1", "rouge2", "rougeL", "chrf", "length_ratio")
"""Names of the metrics in the order in which a table shows them."""

PORTUGUESE_ARTICLES = frozenset({"o", "a", "os", "as", "um", "uma", "uns", "umas"})
CHRF_ORDER, CHRF_BETA = 6, 2
AREA = 2**17  # characters counted at once on each side: some MB
PAD = np.iinfo(np.int64).max

_LEGACY_WORD = re.compile("[a-z0-9]+")
_WORD = re.compile("(?:[^\\W_][\u0300-\u036f]*)+")
_MARKS = re.compile("[\u0300-\u036f]+")
_ENGLISH_ARTICLE = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]+")
_NO_WIDTH = str.maketrans("", "", "\u00ad\u200b\u200c\u200d\u2060\ufeff")


class Reading(NamedTuple):
    """What a form sees in a text: its words, its words as a short answer, its characters."""

    words: list[str]
    answer: list[str]
    characters: str


def _legacy(text: str) -> Reading:
    lower = text.lower()
    answer = _ENGLISH_ARTICLE.sub(" ", _PUNCTUATION.sub("", lower)).split()
    return Reading(_LEGACY_WORD.findall(lower), answer, text)


def _pt(text: str) -> Reading:
    visible = text if text.isprintable() else text.translate(_NO_WIDTH)
    words = _WORD.findall(unicodedata.normalize("NFC", visible.lower()))
    answer = [word for word in words if word not in PORTUGUESE_ARTICLES]
    return Reading(words, answer or words, unicodedata.normalize("NFC", visible))


def _pt_folded(text: str) -> Reading:
    words, answer, characters = _pt(text)  # articles first: "à" is none, though it folds to "a"
    folded, answer = (_fold(" ".join(kept)).split() for kept in (words, answer))
    return Reading(folded, answer, _fold(characters))


def _fold(text: str) -> str:
    """Remove the accents and the cedilla."""
    return text if text.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", text))


Reader = Callable[[str], Reading]
FORMS: dict[Form, Reader] = {"legacy": _legacy, "pt": _pt, "pt_folded": _pt_folded}
"""How each form reads a text, in the order in which a table shows them."""


def score(pairs: Iterable[Pair], form: Form) -> dict[str, Floats]:
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
    rows, characters, read = [], [], FORMS[form]
    for prediction, reference in zip(map(read, predictions), map(read, references), strict=True):
        rows.append(_word_scores(prediction, reference))
        characters.append((prediction.characters, reference.characters))
    *by_word, ratio = np.array(rows).T
    best = [np.maximum.reduceat(values, first) for values in (*by_word, _chrf(characters))]
    pair = np.repeat(np.arange(len(first)), np.diff(first, append=len(ratio)))
    nearest = np.lexsort((np.abs(ratio - 1), pair))[first]  # NaN comes last
    return dict(zip(METRICS, (*best, ratio[nearest]), strict=True))


def _flatten(pairs: Iterable[Pair]) -> tuple[list[str], list[str], Integers]:
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


def _word_scores(prediction: Reading, reference: Reading) -> tuple[float, ...]:
    """EM, F1, ROUGE-1, ROUGE-2, ROUGE-L and the length ratio of one pair."""
    guess, answer = prediction.answer, reference.answer
    words, expected = prediction.words, reference.words
    bigrams, expected_bigrams = list(pairwise(words)), list(pairwise(expected))
    return (
        float(guess == answer),
        _f1(_common(guess, answer), guess, answer) if guess or answer else 1.0,
        _f1(_common(words, expected), words, expected),
        _f1(_common(bigrams, expected_bigrams), bigrams, expected_bigrams),
        _f1(_longest_common(words, expected), words, expected),
        len(words) / len(expected) if expected else math.nan,
    )


def _f1(shared: int, one: Sequence[object], other: Sequence[object]) -> float:
    precision, recall = shared / max(len(one), 1), shared / max(len(other), 1)
    return 2 * precision * recall / (precision + recall) if shared else 0.0


def _common(one: Iterable[Hashable], other: Iterable[Hashable]) -> int:
    """Size of the intersection with repetition."""
    left, shared = Counter(other), 0
    for item in one:
        if times := left.get(item):
            left[item] = times - 1
            shared += 1
    return shared


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


def _chrf(pairs: list[tuple[str, str]]) -> Floats:
    """F-measure of the precision and the recall averaged over the orders that both texts reach."""
    texts = ["".join(text.split()) for pair in pairs for text in pair]
    # a model's bytes can hold half of a surrogate pair: a character like any other here
    symbols = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.array([len(text) for text in texts]).reshape(-1, 2)
    totals = np.maximum(lengths[:, :, None] - np.arange(CHRF_ORDER), 0)
    ratios = _shared_ngrams(symbols, lengths, totals)[:, None, :] / np.maximum(totals, 1)
    orders = np.clip(lengths.min(axis=1), 1, CHRF_ORDER)
    precision, recall = (ratios.sum(axis=2) / orders[:, None]).T
    weighted = CHRF_BETA**2 * precision + recall
    return (1 + CHRF_BETA**2) * precision * recall / np.where(weighted > 0, weighted, 1)


def _shared_ngrams(symbols: Integers, lengths: Integers, totals: Integers) -> Integers:
    """Count the n-grams, n = 1, 2, ..., that the texts of each pair share: shape (N, orders).

    `symbols` are the code points of the first prediction, the first reference, and so on;
    `lengths` (N, 2) and `totals` (N, 2, orders) count those, and the n-grams, of each text.
    """
    starts = (np.cumsum(lengths) - lengths.ravel()).reshape(-1, 2)
    longest = lengths.max(axis=1)
    rest = np.argsort(longest, kind="stable")  # equal lengths together: little padding
    shared = np.zeros((len(rest), totals.shape[2]), dtype=np.int64)
    while len(rest) and (width := longest[rest[-1]]):
        rest, chunk = np.split(rest, [-max(1, AREA // width)])
        columns = np.arange(width)
        inside = columns < lengths[chunk, :, None]
        places = np.where(inside, starts[chunk, :, None] + columns, 0)
        ranks = np.cumsum(np.bincount(symbols[places].ravel()) > 0)
        codes, alphabet = ranks[symbols[places]] - 1, int(ranks[-1])
        grams, distinct = np.zeros((len(chunk), 2, width + 1), dtype=np.int64), 1
        for n in range(1, min(shared.shape[1], width) + 1):
            if distinct * alphabet >= 2**61:  # no room to append a character
                values, grams = np.unique(grams, return_inverse=True)
                distinct = len(values)
            grams = grams[:, :, :-1] * alphabet + codes[:, :, n - 1 :]
            distinct *= alphabet
            total = totals[chunk, :, n - 1]
            shared[chunk, n - 1] = (total.sum(axis=1) - _unshared(grams, total)) // 2
    return shared


def _unshared(grams: Integers, totals: Integers) -> Integers:
    """How far the counts of n-grams on two sides differ in sum, shape (B,).

    Of `grams`, shape (B, 2, width), the first `totals`, shape (B, 2), are counted.
    """
    counted = np.arange(grams.shape[2]) < totals[:, :, None]
    keys = np.where(counted, 2 * grams + np.array([[0], [1]]), PAD).reshape(len(grams), -1)
    keys.sort(axis=1)
    new = np.ones(keys.shape, dtype=bool)
    new[:, 1:] = keys[:, 1:] >> 1 != keys[:, :-1] >> 1
    starts = np.flatnonzero(new)
    of_reference = np.add.reduceat(keys.ravel() & 1, starts)
    differences = np.abs(np.diff(starts, append=keys.size) - 2 * of_reference)
    rows = np.searchsorted(starts, np.arange(len(keys)) * keys.shape[1])
    padding = keys.shape[1] - totals.sum(axis=1)  # odd, as if of the reference
    return np.add.reduceat(differences, rows) - padding


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


def tokenizer_effect(pairs: Sequence[Pair], seed: int = 0) -> list[TokenizerEffect]:
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
    legacy, pt = score(pairs, "legacy"), score(pairs, "pt")
    legacy_floor, pt_floor = score(mixed, "legacy"), score(mixed, "pt")
    effects = []
    for name in METRICS[:5]:
        own, floor = (legacy[name], pt[name]), (legacy_floor[name], pt_floor[name])
        columns = (*own, *floor, own[0] != own[1])
        effects.append(TokenizerEffect(name, *(float(column.mean()) for column in columns)))
    return effects
