"""What a run leaves comes back, and stands beside what was published."""

import json

import numpy as np
import pytest
import torch

from brnb import receipt
from brnb.evaluate import records
from brnb.evaluate.intrinsic import DocumentNats, Intrinsic
from brnb.evaluate.legibility import Legibility
from brnb.generate.samples import Sample, sample
from brnb.models.transformer import TransformerLM
from brnb.report.track1 import beside_published, guardrails, yardstick
from brnb.tokenizers.char import CharTokenizer
from brnb.train.history import History

METRICS = {
    "loss": 2.0, "perplexity": 7.4, "accuracy": 0.25, "bits_per_byte": 1.5, "tokens": 100,
    "documents": 2, "fallback_ratio": 0.0, "short_piece_ratio": 0.2, "repetition": None,
    "dictionary_share": 0.9, "language_share": 1.0, "sample_words": 40, "guardrails_pass": False,
}  # fmt: skip
RESULT = Intrinsic(2.0, 7.4, 0.25, 1.5, 100, 2)
SAMPLES = [Sample("o rio", 13, "corre\u2028não \x85para", [3, 4]), Sample("a", 14, "", [])]


@pytest.fixture
def folder(tmp_path):
    """Folder of a run `v2` that finished."""
    history = History(validation=[{"step": 1, "tokens": 10, "loss": 2.0}], tokens=10)
    documents = DocumentNats(np.array([1.25, 1 / 3]), np.array([4.0, 2.0]))
    records.write(tmp_path, history, SAMPLES, documents)
    resources = {"tokens": 30, "pass_tokens": 20, "parameters": 5, "training_seconds": 7200.0}
    found = receipt.Receipt(
        run="v2", notebook="05_v2_char_lm", profile="smoke", state="done", fingerprint="",
        code={}, params={"cleaning": "early"}, needs={}, needs_content={}, inputs={}, unclean=[],
        seed=1, defaults_changed={}, unread=[], started="", seconds=1.0, provenance={},
        resources=resources | {"usd": None}, metrics=METRICS, numbers={}, artefacts={},
    )  # fmt: skip
    receipt.write_json(tmp_path / "receipt.json", found.model_dump())
    return tmp_path


def test_a_record_comes_back(folder):
    found = records.read(folder)
    assert (found.run, found.result, found.samples) == ("v2", RESULT, SAMPLES)
    assert found.documents.nats.tolist() == [1.25, 1 / 3]
    assert found.documents.bytes.tolist() == [4.0, 2.0]
    assert found.legibility == Legibility(0.0, 0.2, None, 0.9, 1.0, 40, False)
    assert found.history.validation == [{"step": 1, "tokens": 10, "loss": 2.0}]
    assert (found.history.seconds, found.history.tokens) == (7200.0, 30)


def test_a_run_without_files_still_has_its_numbers(folder):
    for name in (records.CURVES, records.SAMPLES, records.DOCUMENTS):
        (folder / name).unlink()
    values = json.loads((folder / "receipt.json").read_text())
    del values["metrics"]["guardrails_pass"]
    (folder / "receipt.json").write_text(json.dumps(values))
    found = records.read(folder)
    assert found.result == RESULT
    assert found.samples is found.documents is found.legibility is None
    assert found.history.validation == []


def test_ours_stands_below_the_published_row():
    history = History(tokens=2_000_000_000, pass_tokens=500_000_000, seconds=5400.0)
    frame = beside_published("tab08", {"v4_subword": RESULT}, {"v4_subword": history}, "pt")
    published, ours = frame.to_dict("records")
    assert published == {
        "run": "v4_subword", "source": "Publicado", "epochs": 2.0, "hours": 1.2,
        "tokens_billion": 2.39, "ppl": 75.83, "bits_per_byte": None,
    }  # fmt: skip
    assert ours == {
        "run": "v4_subword", "source": "Nosso", "epochs": 4.0, "hours": 1.5,
        "tokens_billion": 2.0, "ppl": 7.4, "bits_per_byte": 1.5,
    }  # fmt: skip
    row = beside_published("tab09", {"v5_main": RESULT}, {"v5_main": History()}, "en").iloc[0]
    assert (row["val_loss"], row["val_ppl"], row["tokens_billion"]) == (3.8918, 49.0, 6.0)


def test_a_run_that_was_never_published_has_one_row():
    frame = beside_published("tab09", {"v6_130m": RESULT}, {"v6_130m": History()}, "en")
    assert frame[["run", "source", "val_loss"]].to_numpy().tolist() == [
        ["v6_130m", "Ours", RESULT.loss]
    ]


def test_guardrails_show_both_verdicts_and_what_is_missing():
    found = Legibility(0.0, 0.05, 0.0, 0.9, 1.0, 40, True)
    frame = guardrails({"v1": None, "v6_rc16k_v5b": found}, "en")
    rows = frame[["run", "short_piece_ratio", "guardrails_pass"]].to_numpy().tolist()
    assert rows == [
        ["v1", None, None],
        ["v6_rc16k_v5b", 0.149, False],
        ["v6_rc16k_v5b", 0.05, True],
    ]


def test_the_yardstick_ends_with_the_best(folder):
    found = records.read(folder)
    better = records.Record(
        "v3", {"cleaning": "v6"}, Intrinsic(1, 2, 0.5, 1.0, 9, 1), History(), None, None, None
    )
    frame = yardstick([better, found], {"v2": (1.4, 1.6)})
    assert frame["run"].tolist() == ["v2", "v3"]
    assert frame["ci_low"].tolist() == [1.4, None]


def test_a_sample_ends_where_the_context_is_full():
    tokenizer = CharTokenizer.train(["abcdefgh " * 9], name="char")
    torch.manual_seed(0)
    shape = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "hidden": 8, "context": 10}
    model = TransformerLM(vocab_size=tokenizer.vocab_size, **shape)
    torch.nn.init.normal_(model.embedding.weight)
    model.embedding.weight.data[tokenizer.eos_id] = 0.0  # keeps the end from being drawn early
    found = sample(model, tokenizer, ["abcdefg"], range(40), 50, 1.0, 1.0)
    assert max(len(one.ids) for one in found) == 4  # three more fit; the last is not read
