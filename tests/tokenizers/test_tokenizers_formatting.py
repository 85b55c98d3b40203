"""The price of formatting: forms that mean the same, and counts that are published."""

import ast
import json
import re

import pytest

from brnb.tokenizers import vocabularies
from brnb.tokenizers.formatting import FORMATTED_CODE, UNFORMATTED_CODE
from brnb.tokenizers.formatting_forms import count_forms, examples
from brnb.tokenizers.vocabularies import (
    Vocabulary,
    absent,
    at_hand,
    in_folder,
    published_vocabularies,
)

BY_NAME = {(example.name, example.lang): example for example in examples()}


def test_the_java_program_is_the_published_one():
    java = BY_NAME["java", "en"]
    assert (java.formatted, java.unformatted) == (FORMATTED_CODE, UNFORMATTED_CODE)


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_both_forms_mean_the_same(lang):
    java, python, data = (BY_NAME[name, lang] for name in ("java", "python", "json"))
    assert re.sub(r"\s", "", java.formatted) == re.sub(r"\s", "", java.unformatted)
    assert ast.dump(ast.parse(python.formatted)) == ast.dump(ast.parse(python.unformatted))
    forms = [json.loads(text) for text in (data.formatted, data.unformatted, data.escaped)]
    assert forms[0] == forms[1] == forms[2]
    assert data.escaped.isascii()


def test_the_languages_differ_in_words_alone():
    for name in ("java", "python"):
        shapes = [
            re.sub(r"[^\W\d_]+", "w", BY_NAME[name, lang].unformatted) for lang in ("pt", "en")
        ]
        assert shapes[0].count("w") == pytest.approx(shapes[1].count("w"), abs=3)


def test_a_vocabulary_counts_every_form():
    letters = Vocabulary("letters", list)
    counted = count_forms([letters], examples())
    for one in counted:
        assert (one.formatted, one.unformatted) == (
            len(one.example.formatted), len(one.example.unformatted),
        )  # fmt: skip
        assert (one.escaped is None) == (one.example.name != "json")


@pytest.mark.skipif(bool(absent()), reason="needs the extra 'vocabularies' (quicktok-v1)")
def test_gpt_4o_counts_60_and_47():
    """As arXiv 2508.13666 and document 004 print it."""
    gpt = next(one for one in published_vocabularies() if one.name == "GPT-4o")
    (counted,) = count_forms([gpt], [BY_NAME["java", "en"]])
    assert (counted.formatted, counted.unformatted) == (60, 47)


@pytest.mark.skipif(bool(absent()), reason="needs the extra 'vocabularies' (quicktok-v1)")
def test_published_vocabularies_write_accents_in_two_bytes_or_fewer_tokens():
    for one in published_vocabularies():
        assert len(one.encode("ação")) <= len("ação".encode()), one.name
        assert one.encode("<|endoftext|>"), one.name


def test_without_the_package_the_others_are_counted(monkeypatch):
    monkeypatch.setattr(vocabularies, "find_spec", lambda name: None)
    assert published_vocabularies() == []
    assert absent() == ["GPT-4o", "GPT-4", "Llama 3", "Qwen3"]


def test_every_tokenizer_below_a_folder_is_read(tmp_path, monkeypatch):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    from brnb.tokenizers.char import CharTokenizer

    CharTokenizer.train(["abc"], name="letters").save(tmp_path / "letters")
    words = Tokenizer(WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = Whitespace()
    (tmp_path / "theirs").mkdir()
    words.save(str(tmp_path / "theirs/tokenizer.json"))
    monkeypatch.setattr(vocabularies, "find_spec", lambda name: None)
    found = {one.name: one.encode("a b c") for one in at_hand([tmp_path])}
    assert {name: len(ids) for name, ids in found.items()} == {"letters": 5, "theirs": 3}


def test_a_folder_without_tokenizers_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tokenizer in it"):
        in_folder(tmp_path)
