"""Likelihood document by document, and the interval over documents."""

import math

import numpy as np
import pytest
import torch

from brnb.evaluate.intrinsic import DocumentNats, by_document, evaluate
from brnb.models.likelihood import likelihood, token_nats
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.tokenizers.char import CharTokenizer
from brnb.train.rows import encode

TEXTS = ["uma casa", "duas casas à beira do rio", "", "não", "o rio corre"]


@pytest.fixture
def tokenizer():
    return CharTokenizer.train(TEXTS, name="char")


@pytest.fixture
def row(tokenizer, tmp_path):
    return encode(TEXTS, tokenizer, tmp_path / "row", "x")


def recurrent(size):
    torch.manual_seed(0)
    return RecurrentLM(size, 8, 1, 8)


def transformer(size):
    torch.manual_seed(0)
    shape = {"width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "hidden": 8}
    return TransformerLM(vocab_size=size, context=16, **shape)


def test_bytes_of_a_document_are_those_of_its_text_and_its_end(row):
    assert row.document_bytes.tolist() == [9, 27, 1, 5, 12]  # "à" and "ã" take two
    assert (row.documents, row.text_bytes) == (5, 54)


@pytest.mark.parametrize("build", [recurrent, transformer])
def test_documents_add_up_to_the_whole(build, row, tokenizer):
    model = build(tokenizer.vocab_size)
    found = by_document(model, row, 6, tokenizer.eos_id)
    whole = likelihood(model, row.ids, 6)
    assert len(token_nats(model, row.ids, 6)) == whole.tokens
    assert found.nats.sum() == pytest.approx(whole.nats, rel=1e-6)
    assert found.bits_per_byte == pytest.approx(evaluate(model, row, 6).bits_per_byte, rel=1e-6)


def test_a_model_that_knows_nothing_pays_ln_v_for_each_token(row, tokenizer):
    model = recurrent(tokenizer.vocab_size)
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    found = by_document(model, row, 6, tokenizer.eos_id)
    tokens = [8, 26, 1, 4, 12]  # letters and the end; nothing predicts the very first letter
    assert found.nats == pytest.approx(np.array(tokens) * math.log(tokenizer.vocab_size), rel=1e-5)


def test_the_interval_is_that_of_the_delta_method_for_many_documents():
    random = np.random.default_rng(0)
    sizes = random.integers(200, 4000, size=2000).astype(float)
    nats = sizes * random.normal(1.0, 0.2, size=2000)
    found = DocumentNats(nats, sizes)
    low, high = found.interval(resamples=4000, seed=1)
    ratio = nats.sum() / sizes.sum()
    error = math.sqrt(((nats - ratio * sizes) ** 2).sum()) / sizes.sum()  # Cochran (1977), 2.46
    expected = [(ratio - 1.96 * error) / math.log(2), (ratio + 1.96 * error) / math.log(2)]
    assert [low, high] == pytest.approx(expected, abs=0.1 * error)
    assert (low, high) == found.interval(resamples=4000, seed=1)


def test_documents_that_all_cost_the_same_leave_no_doubt():
    found = DocumentNats(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    assert found.interval(200, 0) == pytest.approx((2 / math.log(2),) * 2)
