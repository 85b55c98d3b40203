"""The measures on examples counted by hand."""

import math
import re
from dataclasses import dataclass, field

import pytest

from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.formatting import (
    FORMATTED_CODE,
    GPT_4O_PRICE,
    UNFORMATTED_CODE,
    formatting_price,
)
from brnb.tokenizers.fragmentation import (
    GUARDRAILS,
    fragmentation,
    fragmentation_of_ids,
    most_fragmented,
)

VOCABULARY = ["\ufffd", "", " casa", "s", ",", " co", "ra", "ção", " a", " ", b"\xc3", b"\xa9"]


@dataclass(frozen=True)
class HandMade:
    """A tokenizer whose segmentation is written down, not computed."""

    segmentations: dict[str, list[int]] = field(default_factory=dict)
    name: str = "hand"
    vocab_size: int = len(VOCABULARY)
    unk_id: int = 0
    eos_id: int = 1
    byte_ids: frozenset[int] = frozenset({10, 11})
    token_bytes: tuple[bytes, ...] = tuple(
        v if isinstance(v, bytes) else v.encode() for v in VOCABULARY
    )

    def encode(self, text):
        return self.segmentations[text]

    def encode_batch(self, texts):
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        joined = b"".join(self.token_bytes[i] for i in ids)
        return joined.decode("utf-8", "replace").removeprefix(" ")

    def pieces(self, text):
        return [str(VOCABULARY[i]) for i in self.encode(text)]


#  casa|s|,| co|ra|ção| a| |C3|A9
SENTENCE, IDS = "casas, coração a é", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    "measured",
    [
        fragmentation(HandMade({SENTENCE: IDS}), [SENTENCE]),
        fragmentation_of_ids(HandMade(), [[*IDS, 1]]),  # </s> is no piece
    ],
    ids=["text", "ids"],
)
def test_measures_counted_by_hand(measured):
    assert (measured.tokens, measured.words, measured.bytes) == (10, 4, 21)
    assert measured.tokens_per_word == 10 / 4
    assert measured.bytes_per_token == 21 / 10
    assert measured.fallback_ratio == 2 / 10
    assert measured.unk_ratio == 0
    assert measured.continued_word_share == 3 / 4  # casas, coração, é; not "a"
    assert measured.short_piece_ratio == 3 / 8  # s, C3, A9 among all but the comma and the blank
    assert measured.broken_guardrails() == ["fallback_ratio", "short_piece_ratio"]


def test_counts_add_up_over_texts():
    tokenizer = HandMade({SENTENCE: IDS, "casa": [2]})
    both = fragmentation(tokenizer, [SENTENCE, "casa", "casa"])
    assert (both.tokens, both.words, both.bytes) == (12, 6, 29)
    assert both.short_piece_ratio == 3 / 10
    assert both.continued_word_share == 3 / 6


def test_characters_are_the_extreme_case():
    measured = fragmentation(CharTokenizer.train(["a casa é"]), ["a casa é"])
    assert (measured.tokens, measured.words, measured.bytes) == (8, 3, 9)
    assert measured.short_piece_ratio == 4 / 6  # c, a, s, a; "a" and "é" are whole words
    assert measured.continued_word_share == 1 / 3


def test_an_unknown_letter_does_not_end_the_word():
    measured = fragmentation(CharTokenizer("ao"), ["aço"])
    assert measured.unk_ratio == 1 / 3
    assert measured.continued_word_share == 1
    assert measured.short_piece_ratio == 1


def test_decomposed_accents_belong_to_their_word():
    text = "avo\u0301"
    measured = fragmentation(HandMade({text: [8, 7]}), [text])  # " a|ção" stands for two pieces
    assert measured.continued_word_share == 1
    spelt = fragmentation(CharTokenizer.train([text]), [text])
    assert spelt.short_piece_ratio == 4 / 4  # a, v, o and the accent


def test_samples_with_broken_bytes_and_empty_samples_are_measured():
    broken = fragmentation_of_ids(HandMade(), [[10, 10, 2], []])
    assert (broken.tokens, broken.fallback_ratio) == (3, 2 / 3)
    assert broken.short_piece_ratio == 0
    empty = fragmentation_of_ids(HandMade(), [])
    assert empty.tokens == 0
    assert math.isnan(empty.tokens_per_word)
    assert empty.broken_guardrails() == []


def test_guardrails_agree_with_the_verdicts_of_table_10():
    limit = GUARDRAILS["short_piece_ratio"]
    assert 0.050 <= limit < 0.149 < 0.155
    assert GUARDRAILS["fallback_ratio"] > 0.0


def test_most_fragmented_frequent_words_come_first():
    tokenizer = CharTokenizer.train(["abcdefghij "])
    words = most_fragmented(tokenizer, ["abc abc ij abcd ij ij, 12"], top=2, among=3)
    assert [tuple(w) for w in words] == [("abcd", 1, list("abcd")), ("abc", 2, list("abc"))]


def test_the_two_programs_differ_in_blanks_alone():
    def squeeze(code: str) -> str:
        return re.sub(r"\s", "", code)

    assert squeeze(FORMATTED_CODE) == squeeze(UNFORMATTED_CODE)
    assert FORMATTED_CODE.count("\n") == 9


def test_price_of_formatting():
    tokenizer = CharTokenizer.train([FORMATTED_CODE])
    price = formatting_price(tokenizer)
    assert (price.formatted, price.unformatted) == (len(FORMATTED_CODE), len(UNFORMATTED_CODE))
    assert price.unknown == 0
    assert GPT_4O_PRICE.saving == pytest.approx(13 / 60)  # 60 against 47, document 004


def test_price_counts_what_the_vocabulary_cannot_write(subword):
    price = formatting_price(subword)
    assert price.unknown == 0  # ASCII is in every alphabet
    assert price.unformatted < price.formatted
