"""Near-duplicates: as often found as the theory of banding says, against exact Jaccard indices."""

import hashlib
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.text import near_duplicates
from brnb.text.near_duplicates import BANDS, band_keys, first_of_clusters, first_of_equals

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [a + b + c for a in LETTERS for b in LETTERS for c in "aeo"]


def grams(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def edited(words: list[str], edits: int, draw: random.Random) -> list[str]:
    """A text with words changed, all far from each other: each takes five 5-grams away."""
    copy = list(words)
    for place in range(edits):
        copy[10 * place + 7] = draw.choice(WORDS).upper()
    return copy


def keys_of(words: Sequence[str]) -> np.ndarray:
    return band_keys(" ".join(words).encode())


@pytest.mark.parametrize("edits", [3, 6, 9])
def test_pairs_share_a_band_as_often_as_the_formula_says(edits: int) -> None:
    draw, shared, expected = random.Random(edits), [], []
    for _ in range(300):
        text = draw.choices(WORDS, k=200)
        other = edited(text, edits, draw)
        shared.append((keys_of(text) == keys_of(other)).any())
        expected.append(1 - (1 - jaccard(text, other) ** 8) ** 14)  # Leskovec et al., 3.4.2
    deviation = np.sqrt(np.mean(expected) * (1 - np.mean(expected)) / len(expected))
    assert np.mean(shared) == pytest.approx(np.mean(expected), abs=4 * deviation + 1e-9)


def test_precision_and_recall_on_planted_copies() -> None:
    """Copies with one word in a hundred changed go, texts that share two thirds stay."""
    draw = random.Random(1)
    texts = [draw.choices(WORDS, k=300) for _ in range(150)]
    copies = [edited(text, 3, draw) for text in texts]
    relatives = [text[:200] + draw.choices(WORDS, k=100) for text in texts]
    assert min(jaccard(t, c) for t, c in zip(texts, copies, strict=True)) > 0.9
    assert max(jaccard(t, r) for t, r in zip(texts, relatives, strict=True)) < 0.5
    everything = [*texts, *copies, *relatives]
    keys = np.stack([keys_of(words) for words in everything])
    stays = first_of_clusters(np.arange(len(everything), dtype=np.uint64), keys.T)
    assert stays[:150].all()
    found, wrong = 150 - stays[150:300].sum(), 150 - stays[300:].sum()
    assert found >= 0.99 * 150
    # 1 - (1 - 0.498^8)^14 = 5% of the relatives at most are taken for copies
    assert wrong <= 0.1 * 150


@given(st.lists(st.sampled_from(["casa", "água", "não", "de", "0"]), max_size=30), st.booleans())
def test_blanks_and_punctuation_tell_nothing_apart(words: list[str], comma: bool) -> None:
    other = (", " if comma else "\n").join(words) + "."
    assert (keys_of(words) == band_keys(other.encode())).all()


def test_texts_of_less_than_five_words_are_themselves() -> None:
    short = [band_keys(text.encode()) for text in ("", "a", "a b", "a b c d", "a b c e", "b a")]
    for place, one in enumerate(short):
        assert all((one != other).all() for other in short[place + 1 :])


def test_a_long_text_is_hashed_in_parts_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(random.Random(2).choices(WORDS, k=500)).encode()
    whole = band_keys(text)
    monkeypatch.setattr(near_duplicates, "_LONGEST", 50)
    assert (band_keys(text) == whole).all()


def test_clusters_are_chains_and_their_first_stays() -> None:
    hashes = np.array([7, 8, 7, 9, 10, 11], np.uint64)  # the third equals the first
    first_band = np.array([1, 2, 1, 2, 5, 6], np.uint64)  # 1 ~ 3
    second_band = np.array([1, 2, 3, 4, 4, 6], np.uint64)  # 3 ~ 4
    stays = first_of_clusters(hashes, [first_band, second_band])
    assert stays.tolist() == [True, True, False, False, False, True]


@given(st.lists(st.integers(0, 5)))
def test_first_of_equals(values: list[int]) -> None:
    expected = [value not in values[:place] for place, value in enumerate(values)]
    assert first_of_equals(np.array(values, np.uint64)).tolist() == expected


def test_keys_are_those_of_every_machine() -> None:
    """Hashes must not depend on numpy's generators or the byte order: shards come from many."""
    assert band_keys(b"o rato roeu a roupa do rei de roma").shape == (BANDS,)
    expected = int.from_bytes(hashlib.shake_256(b"bytes").digest(8), "little")
    assert near_duplicates._random("bytes", 1)[0] == expected
