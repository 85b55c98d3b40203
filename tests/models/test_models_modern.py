"""The choices of v7: sizes and first values."""

import math

import pytest
import torch

from brnb.models.transformer import TransformerLM

MODERN = {
    "vocab_size": 500, "width": 64, "layers": 3, "heads": 2, "kv_heads": 2, "context": 16,
    "hidden": 96, "norm": "rmsnorm", "position": "rope", "mlp": "relu2", "bias": False,
    "tied": False, "qk_norm": True, "zero_init": True, "value_embeddings": True, "softcap": 15.0,
    "attention_gate": True, "input_skip": True,
}  # fmt: skip


def model(**change):
    torch.manual_seed(0)
    return TransformerLM(**MODERN | change)


def test_relu2_of_three_halves_the_width_has_the_parameters_of_swiglu():
    forms = (("relu2", 96), ("swiglu", 64))
    relu2, swiglu = (model(mlp=mlp, hidden=h, attention_gate=False) for mlp, h in forms)
    bodies = [sum(p.numel() for p in m.parameters_by_kind()["hidden"]) for m in (relu2, swiglu)]
    assert bodies == [3 * (4 * 64**2 + 3 * 64 * 64)] * 2


def test_every_token_is_as_probable_at_the_start():
    logits, _ = model().eval()(torch.arange(16)[None])
    assert torch.equal(torch.softmax(logits, -1), torch.full_like(logits, 1 / 500))


@pytest.mark.parametrize("std", [0.02, 1.0])
def test_embeddings_start_at_the_size_that_was_chosen(std):
    found = model(embedding_std=std)
    assert found.embedding.weight.std().item() == pytest.approx(std, rel=0.02)
    assert found.blocks[1].attention.query.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_value_embeddings_start_at_the_size_of_the_values():
    found = model()
    attention = found.blocks[0].attention
    normed = torch.randn(4000, 64, generator=torch.Generator().manual_seed(1))
    values = attention.value(normed).std().item()
    assert values == pytest.approx(0.02 * math.sqrt(64), rel=0.05)
    embedded = attention.value_embedding.weight.std().item()
    assert embedded == pytest.approx(values, rel=0.05)


def test_value_embeddings_are_in_every_second_block_and_the_last():
    blocks = model().blocks
    assert [b.attention.value_embedding is not None for b in blocks] == [True, False, True]


def test_gates_and_skips_change_nothing_at_the_start():
    ids = torch.randint(500, (2, 16), generator=torch.Generator().manual_seed(2))
    plain, modern = model(attention_gate=False, input_skip=False, zero_init=False), model()
    known = modern.load_state_dict(plain.state_dict(), strict=False)
    new = sorted({name.split(".", 2)[2] for name in known.missing_keys})
    assert (new, known.unexpected_keys) == (["attention.gate.weight", "mix"], [])
    assert torch.equal(modern.eval()(ids)[0], plain.eval()(ids)[0])
