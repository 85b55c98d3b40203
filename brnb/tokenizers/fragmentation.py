"""How finely a tokenizer cuts Portuguese, in texts and in generated samples.

Two notions of a word are used. `tokens_per_word` counts words between blanks, as published
fertilities do. What happens *inside* words is measured on runs of letters (with their combining
marks), so that the comma in "casa," does not count as a cut.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brnb.tokenizers import Tokenizer

Positions = npt.NDArray[np.int64]


# U+FFFD stands for an unknown character, most often a letter: the word goes on.
WORD = re.compile("(?:[^\\W\\d_]|[\u0300-\u036f\ufffd])+")
BATCH = 256

GUARDRAILS = {"fallback_ratio": 0.01, "short_piece_ratio": 0.10}
"""Largest values that a generated sample may show.

The dissertation (Table 10) gives names and verdicts, no definitions and no thresholds. Its
short-piece ratios of 0.050 pass, 0.149 and 0.155 fail: 0.10 is the middle between the last that
passes and the first that fails. Its fallback ratios are all 0.000; 0.01 is our choice, one byte
in a hundred pieces.

A fixed limit tells good from bad under no vocabulary but its own: written Portuguese itself has
about 0.08 under a unigram vocabulary of 16k trained on a drawn sample, 0.10 under 12k, 0.15 to 0.16
under 4k and 3.2k, and 0.98 under characters. So runs are judged by limits of their own vocabulary,
calibrated on held-out text (`brnb.evaluate.calibration`), and these stand for comparison.
"""


@dataclass(frozen=True)
class GuardrailLimits:
    """Largest guardrail ratios that pass."""

    fallback_ratio: float
    short_piece_ratio: float


FIXED = GuardrailLimits(**GUARDRAILS)


@dataclass(frozen=True)
class Fragmentation:
    """Measures of one tokenizer over one set of texts; NaN where there is nothing to divide by.

    Attributes
    ----------
    tokenizer
        Name of the tokenizer.
    tokens
        Pieces; control symbols are no pieces.
    words
        Words between blanks.
    bytes
        UTF-8 bytes of the text.
    tokens_per_word
        Fertility (Rust et al., 2021, arXiv 2012.15613).
    bytes_per_token
        Compression; the link between loss per token and bits per byte.
    fallback_ratio
        Byte-fallback pieces over all pieces.
    short_piece_ratio
        Pieces that carry one letter of a word cut in two or more, over the pieces that carry
        letters: how far words are spelt out. "s" in "casa|s" is short; "e", a whole word, is not.
    unk_ratio
        ``<unk>`` over all pieces.
    continued_word_share
        Runs of letters cut in two or more pieces, over all of them (Rust et al., 2021).
    """

    tokenizer: str
    tokens: int
    words: int
    bytes: int
    tokens_per_word: float
    bytes_per_token: float
    fallback_ratio: float
    short_piece_ratio: float
    unk_ratio: float
    continued_word_share: float

    def broken_guardrails(self, limits: GuardrailLimits = FIXED) -> list[str]:
        """Names of the `GUARDRAILS` that are exceeded; an empty list is a pass (Table 10)."""
        return [name for name in GUARDRAILS if getattr(self, name) > getattr(limits, name)]


class WordPieces(NamedTuple):
    """A word of the text, how often it occurs, and its pieces when it stands alone."""

    word: str
    occurrences: int
    pieces: list[str]


def fragmentation(tokenizer: Tokenizer, texts: Iterable[str]) -> Fragmentation:
    """Measure a tokenizer over texts.

    Parameters
    ----------
    tokenizer
        Any tokenizer of the project.
    texts
        Read once, as a stream.
    """
    counts: Counter[str] = Counter()
    for batch in _batches(texts):
        for text, ids in zip(batch, tokenizer.encode_batch(batch), strict=True):
            counts.update(_count(tokenizer, ids, text))
    return _measures(tokenizer.name, counts)


def fragmentation_of_ids(tokenizer: Tokenizer, samples: Iterable[Sequence[int]]) -> Fragmentation:
    """Measure generated samples as the model wrote them.

    Encoding their text again would hide what the guardrails look for: a model may spell with
    single letters a word for which the tokenizer has one piece.

    Parameters
    ----------
    tokenizer
        The tokenizer of the model.
    samples
        Generated ids, one sequence for each sample.
    """
    counts: Counter[str] = Counter()
    for ids in samples:
        counts.update(_count(tokenizer, ids, tokenizer.decode(ids)))
    return _measures(tokenizer.name, counts)


def guardrail_counts(tokenizer: Tokenizer, ids: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Of each guardrail, what it counts in one text, and out of how many pieces."""
    counts = _count(tokenizer, ids, "")
    return {
        "fallback_ratio": (counts["fallback"], counts["tokens"]),
        "short_piece_ratio": (counts["short"], counts["carriers"]),
    }


def most_fragmented(
    tokenizer: Tokenizer, texts: Iterable[str], top: int = 20, among: int = 1000
) -> list[WordPieces]:
    """Frequent words with the most pieces.

    Parameters
    ----------
    tokenizer
        Any tokenizer of the project.
    texts
        Where the words and their frequencies come from.
    top
        Number of words returned.
    among
        Only this many of the most frequent words are looked at.

    Returns
    -------
    list of WordPieces
        Most pieces first, then most frequent, then in code point order.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(WORD.findall(text))
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:among]
    words = [WordPieces(word, seen, tokenizer.pieces(word)) for word, seen in frequent]
    return sorted(words, key=lambda w: (-len(w.pieces), -w.occurrences, w.word))[:top]


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while batch := list(islice(stream, BATCH)):
        yield batch


def _count(tokenizer: Tokenizer, ids: Sequence[int], text: str) -> dict[str, int]:
    """Counts behind the measures, for one text and its ids."""
    pieces = [i for i in ids if tokenizer.token_bytes[i]]
    return {
        "tokens": len(pieces),
        "words": len(text.split()),
        "bytes": len(text.encode()),
        "unk": sum(i == tokenizer.unk_id for i in pieces),
        "fallback": sum(i in tokenizer.byte_ids for i in pieces),
        **_cuts([tokenizer.token_bytes[i] for i in pieces]),
    }


def _cuts(pieces: list[bytes]) -> dict[str, int]:
    """Count runs of letters, the cut ones among them, and the pieces that carry letters."""
    # surrogateescape: a byte that is no UTF-8 (a model can write one) stays one character
    text = b"".join(pieces).decode("utf-8", "surrogateescape")
    first, last = _characters_of(pieces, text)
    spans = np.array([match.span() for match in WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)
    start, end = spans.T
    # the pieces of a word: those that start before its end, less those that end by its start
    cut = np.searchsorted(first, end, "left") - np.searchsorted(last, start, "right") > 1
    letters = _running_count(len(text), start, end)
    cut_letters = _running_count(len(text), start[cut], end[cut])
    carried = letters[last] - letters[first]
    in_cut_word = cut_letters[last] > cut_letters[first]
    return {
        "runs": len(spans),
        "cut_runs": int(cut.sum()),
        "carriers": int((carried > 0).sum()),
        "short": int((in_cut_word & (carried == 1)).sum()),
    }


def _characters_of(pieces: list[bytes], text: str) -> tuple[Positions, Positions]:
    """Characters that each piece touches, as half-open intervals [first, last)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    escaped = (codes >= 0xDC80) & (codes <= 0xDCFF)  # one stray byte each
    sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    offsets = np.concatenate([[0], np.cumsum(np.where(escaped, 1, sizes))])
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]])[: len(pieces)]
    return np.searchsorted(offsets, starts, "right") - 1, np.searchsorted(offsets, ends, "left")


def _running_count(length: int, start: Positions, end: Positions) -> Positions:
    """Characters inside the intervals before each position, shape (length + 1,)."""
    edges = np.zeros(length + 1, dtype=np.int64)
    edges[start] = 1
    edges[end] = -1  # runs are maximal: none starts where another ends
    return np.concatenate([[0], np.cumsum(np.cumsum(edges[:-1]))])


def _measures(name: str, counts: Counter[str]) -> Fragmentation:
    def ratio(part: str, whole: str) -> float:
        return counts[part] / counts[whole] if counts[whole] else float("nan")

    return Fragmentation(
        tokenizer=name,
        tokens=counts["tokens"],
        words=counts["words"],
        bytes=counts["bytes"],
        tokens_per_word=ratio("tokens", "words"),
        bytes_per_token=ratio("bytes", "tokens"),
        fallback_ratio=ratio("fallback", "tokens"),
        short_piece_ratio=ratio("short", "carriers"),
        unk_ratio=ratio("unk", "tokens"),
        continued_word_share=ratio("cut_runs", "runs"),
    )
