"""A corpus as ids on disk: written once, and again when text or tokenizer changed."""

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
