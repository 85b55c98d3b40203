"""A corpus as ids on disk: written once, and again when text or tokenizer changed."""

import json

import pytest

from brnb.tokenizers.char import CharTokenizer
from brnb.train.rows import encode

TEXTS = ["ação", "", "rio\nmar"]


@pytest.fixture
def tokenizer():
    return CharTokenizer.train(TEXTS, name="char")


def test_documents_stand_one_after_the_other_each_closed(tokenizer, tmp_path):
    row = encode(TEXTS, tokenizer, tmp_path / "row", "a")
    ends = [i for i, token in enumerate(row.ids) if token == tokenizer.eos_id]
    assert ends == [4, 5, 13]
    assert tokenizer.decode(row.ids[6:13].tolist()) == "rio\nmar"
    assert (row.documents, row.document_bytes.tolist(), row.text_bytes) == (3, [7, 1, 8], 16)


def test_a_row_is_written_again_only_if_its_identity_changed_or_a_file_is_gone(tokenizer, tmp_path):
    path = tmp_path / "row"
    encode(TEXTS, tokenizer, path, "a")
    assert encode(["outro"], tokenizer, path, "a").documents == 3
    assert encode(["rio"], tokenizer, path, "b").documents == 1
    path.with_suffix(".bytes").unlink()
    assert encode(TEXTS, tokenizer, path, "b").document_bytes.tolist() == [7, 1, 8]


def test_no_document_is_an_error_that_names_the_file(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="is the corpus empty"):
        encode([], tokenizer, tmp_path / "row", "a")


class Killed(BaseException):
    """The process died here."""


def dying(texts):
    yield from texts
    raise Killed


def values(row):
    return row.ids.tolist(), row.documents, row.document_bytes.tolist()


def test_a_kill_while_another_text_is_encoded_leaves_no_mixture(tokenizer, tmp_path):
    path = tmp_path / "row"
    expected = values(encode(TEXTS, tokenizer, path, "a"))
    with pytest.raises(Killed):
        encode(dying(["rio"] * 1500), tokenizer, path, "b")
    assert values(encode(TEXTS, tokenizer, path, "a")) == expected


def test_a_kill_before_the_note_leaves_no_mixture(tokenizer, tmp_path, monkeypatch):
    path = tmp_path / "row"
    expected = values(encode(TEXTS, tokenizer, path, "a"))

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("brnb.train.rows.write_json", die)
        with pytest.raises(Killed):
            encode(["rio"], tokenizer, path, "b")
    assert values(encode(TEXTS, tokenizer, path, "a")) == expected


@pytest.mark.parametrize("suffix", [".ids", ".bytes", ".json"])
@pytest.mark.parametrize("damage", ["half", "zeros", "empty", "flip"])
def test_a_damaged_cache_is_encoded_again_and_said(suffix, damage, tokenizer, tmp_path, capsys):
    path = tmp_path / "row"
    expected = values(encode(TEXTS, tokenizer, path, "a"))
    file = path.with_suffix(suffix)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    content = {
        "half": data[: len(data) // 2],
        "zeros": bytes(len(data)),
        "empty": b"",
        "flip": data,
    }
    file.write_bytes(content[damage])
    assert values(encode(TEXTS, tokenizer, path, "a")) == expected
    said = capsys.readouterr().out
    assert "encoding the text again" in said or (suffix, damage) == (".json", "flip")
    json.loads(path.with_suffix(".json").read_text())
