"""What a run leaves comes back."""

import json

import numpy as np
import pytest
import torch

from brnb import atomic, receipt
from brnb.evaluate import records
from brnb.evaluate.intrinsic import DocumentNats, Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.generate.samples import Sample, sample
from brnb.models.transformer import TransformerLM
from brnb.tokenizers.char import CharTokenizer
from brnb.train.history import History

METRICS = {
    "loss": 2.0, "perplexity": 7.4, "accuracy": 0.25, "bits_per_byte": 1.5, "tokens": 100,
    "documents": 2, "fallback_ratio": 0.0, "short_piece_ratio": 0.2, "repetition": None,
    "dictionary_share": 0.9, "language_share": 1.0, "sample_words": 40, "empty_samples": 1,
    "fallback_limit": 0.01, "short_piece_limit": 0.1, "guardrails_pass": False,
    "validation_loss": 1.9, "validation_perplexity": 6.7, "validation_accuracy": 0.26,
    "validation_bits_per_byte": 1.4, "validation_tokens": 90, "validation_documents": 3,
}  # fmt: skip
RESULT = Intrinsic(2.0, 7.4, 0.25, 1.5, 100, 2)
SAMPLES = [Sample("o rio", 13, "corre\u2028não \x85para", [3, 4]), Sample("a", 14, "", [])]


@pytest.fixture
def folder(tmp_path):
    """Folder of a run `v2` that finished."""
    history = History(validation=[{"step": 1, "tokens": 10, "loss": 2.0}], tokens=10)
    documents = DocumentNats(np.array([1.25, 1 / 3]), np.array([4.0, 2.0]), ("fala, lida", "lei"))
    records.write_record(tmp_path, history, SAMPLES, documents)
    resources = {"tokens": 30, "pass_tokens": 20, "parameters": 5, "training_seconds": 7200.0}
    found = receipt.Receipt(
        run="v2", notebook="05_v2_char_lm", profile="smoke", state="done", fingerprint="",
        code={}, params={"cleaning": "early"}, needs={}, needs_content={}, inputs={}, unclean=[],
        seed=1, defaults_changed={}, unread=[], started="", seconds=1.0, provenance={},
        resources=resources | {"usd": None}, metrics=METRICS, numbers={}, artefacts={},
    )  # fmt: skip
    atomic.write_json(tmp_path / "receipt.json", found.model_dump())
    return tmp_path


def test_a_record_comes_back(folder):
    found = records.read_record(folder)
    assert (found.run, found.result, found.samples) == ("v2", RESULT, SAMPLES)
    assert found.documents.nats.tolist() == [1.25, 1 / 3]
    assert found.documents.bytes.tolist() == [4.0, 2.0]
    assert found.documents.registers == ("fala, lida", "lei")
    assert found.validation == Intrinsic(1.9, 6.7, 0.26, 1.4, 90, 3)
    assert found.legibility == Legibility(0.0, 0.2, None, 0.9, 1.0, 40, 1, 0.01, 0.1, False)
    assert found.history.validation == [{"step": 1, "tokens": 10, "loss": 2.0}]
    assert (found.history.seconds, found.history.tokens) == (7200.0, 30)


def test_a_run_without_files_still_has_its_numbers(folder):
    for name in (records.CURVES, records.SAMPLES, records.DOCUMENTS):
        (folder / name).unlink()
    values = json.loads((folder / "receipt.json").read_text())
    del values["metrics"]["guardrails_pass"]
    (folder / "receipt.json").write_text(json.dumps(values))
    found = records.read_record(folder)
    assert found.result == RESULT
    assert found.samples is found.documents is found.legibility is None
    assert found.history.validation == []


def test_a_receipt_of_older_code_says_so_and_what_to_do(folder):
    values = json.loads((folder / "receipt.json").read_text())
    del values["metrics"]["empty_samples"]  # which no receipt of before 2026-12 has
    (folder / "receipt.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"'empty_samples': it is of older code.*--profile smoke"):
        records.read_record(folder)


def test_a_sample_ends_where_the_context_is_full():
    tokenizer = CharTokenizer.train(["abcdefgh " * 9], name="char")
    torch.manual_seed(0)
    shape = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "hidden": 8, "context": 10}
    model = TransformerLM(vocab_size=tokenizer.vocab_size, **shape)
    torch.nn.init.normal_(model.embedding.weight)
    model.embedding.weight.data[tokenizer.eos_id] = 0.0  # keeps the end from being drawn early
    found = sample(model, tokenizer, ["abcdefg"], range(40), 50, 1.0, 1.0)
    assert max(len(one.ids) for one in found) == 4  # three more fit; the last is not read
