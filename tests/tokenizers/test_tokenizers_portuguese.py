"""What Portuguese costs, by hand on vocabularies that one can count."""

import pytest

from brnb.text.finished import Document
from brnb.tokenizers.char import CharTokenizer
from brnb.tokenizers.portuguese import (
    language_cost,
    lost_characters,
    texts_by_register,
    tokens_per_word,
)
from brnb.tokenizers.vocabularies import Vocabulary

LETTERS = Vocabulary("letters", lambda text: list(map(ord, text)))
WORDS = Vocabulary("words", lambda text: [0] * len(text.split()))


def test_tokens_a_word_are_of_all_texts_together():
    assert tokens_per_word(LETTERS, ["a casa", "é"]) == 7 / 3
    assert tokens_per_word(WORDS, ["a casa", "é"]) == 1
    with pytest.raises(ValueError, match="no word"):
        tokens_per_word(WORDS, ["", " "])


def test_the_price_of_a_language_by_hand():
    told = {"context": 8192, "parameters": 8e9, "usd_per_million_tokens": 2.5}
    cost = language_cost(LETTERS, ["casa rio"], ["sea"], **told)
    assert (cost.portuguese, cost.english, cost.premium) == (4.0, 3.0, 4 / 3)
    assert cost.context_words == 2048
    assert cost.tflop == pytest.approx(64.0)  # 2 x 8e9 x 4000 tokens
    assert cost.usd == 10.0


def test_lost_characters_are_those_outside_the_vocabulary():
    tokenizer = CharTokenizer.train(["casa rio"], name="char")
    assert lost_characters(tokenizer, ["casa çã ç", "rio"]) == {"ç": 2, "ã": 1}


def test_registers_stand_in_order_with_their_texts():
    documents = [Document("1", "", "um", "", "lei"), Document("2", "", "dois", "", "fala")]
    assert texts_by_register(documents) == {"fala": ["dois"], "lei": ["um"]}
