"""The character vocabulary against a plain dictionary."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.tokenizers import load_tokenizer
from brnb.tokenizers.char import CharTokenizer


def dictionary(texts: list[str]) -> dict[str, int]:
    """The same vocabulary, written the obvious way."""
    counts = Counter("".join(texts))
    order = sorted(counts, key=lambda c: (-counts[c], ord(c)))
    return {c: i for i, c in enumerate(order, start=2)}


@given(st.lists(st.text(), min_size=1).filter(any), st.text())
def test_ids_are_those_of_a_plain_dictionary(texts, other):
    tokenizer, vocabulary = CharTokenizer.train(texts), dictionary(texts)
    assert tokenizer.vocab_size == len(vocabulary) + 2
    for text in [*texts, other]:
        assert tokenizer.encode(text) == [vocabulary.get(c, 0) for c in text]
    for text in texts:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_order_is_by_count_then_code_point():
    assert CharTokenizer.train(["banana", "cb"]).characters == "abnc"  # a3 b2 n2 c1


def test_size_and_count_limits_turn_rare_characters_into_unk():
    text = ["aaaa bbb cc d"]
    assert CharTokenizer.train(text, max_size=4).characters == "a "  # a4, blank3 before b3
    assert CharTokenizer.train(text, min_count=3).characters == "a b"
    tokenizer = CharTokenizer.train(text, max_size=3)
    assert tokenizer.encode("ab") == [2, 0]
    assert tokenizer.decode([2, 0, tokenizer.eos_id]) == "a\ufffd"
    assert tokenizer.pieces("ab") == ["a", "<unk>"]


def test_nasty_text_survives(nasty):
    tokenizer = CharTokenizer.train(nasty)
    for text in nasty:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert b"".join(tokenizer.token_bytes[i] for i in ids).decode() == text
    assert tokenizer.encode_batch(nasty) == [tokenizer.encode(text) for text in nasty]


def test_array_holds_sixteen_bit_ids():
    tokenizer = CharTokenizer.train(["abc"])
    array = tokenizer.encode_array("cab?")
    assert array.dtype == np.uint16
    assert array.tolist() == [4, 2, 3, 0]


def test_a_lone_surrogate_is_unknown():
    tokenizer = CharTokenizer.train(["a\ud800"])
    assert tokenizer.characters == "a"
    assert tokenizer.encode("\ud800a") == [0, 2]


def test_saved_and_loaded_again(tmp_path, portuguese, nasty):
    tokenizer = CharTokenizer.train(portuguese, name="letras")
    files = tokenizer.save(tmp_path)
    assert [path.name for path in files] == ["char_vocabulary.json"]
    assert json.loads(files[0].read_text(encoding="utf-8"))["specials"] == ["<unk>", "</s>"]
    again = load_tokenizer(tmp_path)
    assert (again.name, again.vocab_size) == ("letras", tokenizer.vocab_size)
    assert again.encode_batch(nasty) == tokenizer.encode_batch(nasty)


def test_errors_name_the_cause_and_the_fix(tmp_path):
    with pytest.raises(ValueError, match=r"'vazio'.*no character left.*non-empty text"):
        CharTokenizer.train(["", ""], name="vazio")
    with pytest.raises(ValueError, match=r"do not fit in 16-bit ids.*max_size.*65536"):
        CharTokenizer.train(["".join(map(chr, range(0xE000, 0xE000 + 66_000)))])
    with pytest.raises(ValueError, match="appears twice"):
        CharTokenizer("aa")
    (tmp_path / CharTokenizer.FILE).write_text('{"name": "x"}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"char_vocabulary\.json: .*03_tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no tokenizer in this folder.*03_tokenizer"):
        load_tokenizer(tmp_path / "nowhere")
