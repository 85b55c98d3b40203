"""Losses of a small Llama against transformers' own, and changes against Table 12."""

import math

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from brnb.evaluate.losses import Losses, change, changes, losses
from brnb.finetune.packing import IGNORE, Example
from brnb.studies.adaptation import answers, english

VOCABULARY = 50
OPTIONS = {"resamples": 500, "confidence": 0.95, "seed": 1}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,  # far from uniform
        bos_token_id=None,
        eos_token_id=7,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def example(key, length, prompt=1):
    ids = np.random.default_rng(length).integers(8, VOCABULARY, length)
    labels = ids.copy()
    labels[:prompt] = IGNORE
    return Example(key, ids, labels, 3 * length)


EXAMPLES = [example("a", 5), example("b", 40, prompt=30), example("c", 17, prompt=2)]


def test_losses_are_those_of_transformers_document_by_document(model):
    found = losses(model, EXAMPLES, 64)
    for number, one in enumerate(EXAMPLES):
        ids, labels = (torch.from_numpy(x)[None] for x in (one.ids, one.labels))
        expected = model(input_ids=ids, labels=labels).loss.item()
        assert found.nats[number] / found.tokens[number] == pytest.approx(expected, rel=1e-5)
    assert found.tokens.tolist() == [4, 10, 15]
    assert found.keys == ("a", "b", "c")
    assert found.loss == pytest.approx(found.nats.sum() / 29)
    assert found.perplexity == pytest.approx(math.exp(found.loss))
    assert found.bits_per_byte == pytest.approx(found.nats.sum() / math.log(2) / (3 * 62))


def test_a_long_document_is_read_in_windows_that_begin_with_the_token_before(model):
    found = losses(model, [example("long", 20)], 8)
    ids = torch.from_numpy(example("long", 20).ids)
    windows = [ids[0:8], ids[7:15], ids[14:20]]
    nats = [model(input_ids=w[None], labels=w[None]).loss.item() * (len(w) - 1) for w in windows]
    assert found.nats[0] == pytest.approx(sum(nats), rel=1e-5)
    assert found.tokens.tolist() == [19]


def test_a_model_that_knows_nothing_costs_the_logarithm_of_its_vocabulary(model):
    ignorant = LlamaForCausalLM(model.config)
    torch.nn.init.zeros_(ignorant.lm_head.weight)
    assert losses(ignorant, EXAMPLES, 64).loss == pytest.approx(math.log(VOCABULARY))


def test_nothing_to_predict_is_an_error_that_names_the_document(model):
    with pytest.raises(ValueError, match="nothing to predict in empty"):
        losses(model, [EXAMPLES[0], example("empty", 4, prompt=4)], 64)


def of(*per_token, tokens=(100, 300)):
    counts = np.array(tokens)
    return Losses(("x", "y"), np.array(per_token) * counts, counts, counts * 4)


@pytest.mark.parametrize(
    ("base", "adapted", "printed"), [(2.372, 2.159, -0.192), (1.778, 1.117, -0.484)]
)
def test_gains_are_those_of_table_12(base, adapted, printed):
    found = change(of(base, base), of(adapted, adapted), **OPTIONS)
    assert round(found.perplexity, 3) == printed
    assert found.low == pytest.approx(found.perplexity) == pytest.approx(found.high)
    assert (found.before, found.after) == pytest.approx((base, adapted))
    assert found.bits_before == pytest.approx(base / 4 / math.log(2))


def test_long_documents_weigh_more(model):
    found = change(of(1.0, 1.0), of(1.4, 0.8), **OPTIONS)
    assert found.after - found.before == pytest.approx((0.4 * 100 - 0.2 * 300) / 400)
    assert math.log1p(found.low) == pytest.approx(-0.2)  # where only the second is drawn
    assert math.log1p(found.high) == pytest.approx(0.4)


def test_other_documents_or_targets_cannot_be_compared():
    with pytest.raises(ValueError, match="not evaluated on the same targets"):
        change(of(1.0, 1.0), of(1.0, 1.0, tokens=(100, 299)), **OPTIONS)


def test_claims_made_together_are_corrected_together():
    rng = np.random.default_rng(0)
    keys, tokens = tuple(map(str, range(12))), np.full(12, 10)
    before = Losses(keys, np.full(12, 20.0), tokens, tokens)
    after = {
        n: Losses(keys, 20.0 + rng.normal(-shift, 1.0, 12), tokens, tokens)
        for n, shift in enumerate((0.0, 0.5, 2.0))
    }
    found = changes(dict.fromkeys(after, before), after, **OPTIONS)
    raw = [each.comparison.p_value for each in found.values()]
    order = np.argsort(raw)
    holm = np.minimum(1, np.maximum.accumulate(np.array(raw)[order] * [3, 2, 1]))
    assert [found[n].comparison.p_adjusted for n in order] == pytest.approx(holm.tolist())


class Words:
    """A tokenizer that writes ids as numbers."""

    pad_token_id, eos_token_id = 0, 7

    def decode(self, ids, skip_special_tokens):
        assert skip_special_tokens
        return " ".join(str(int(i)) for i in ids if i not in (0, 7))


def test_answers_are_the_most_probable_tokens_one_after_the_other(model):
    one = example("q", 12, prompt=6)
    ids = one.ids[:6].tolist()
    for _ in range(5):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == 7:
            break
    expected = " ".join(str(i) for i in ids[6:] if i != 7)
    assert answers(model, Words(), [one], 5) == [expected]


def test_english_passages_are_ascii_prose_with_a_source():
    found = english()
    assert len(found) == 12
    assert all(d.text.isascii() and len(d.text.split()) > 40 for d in found)
    assert all("(1" in d.source for d in found)
