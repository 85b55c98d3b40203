"""The fast parts of a Transformer against the parts that they stand in for."""

import pytest
import torch
from model_forms import FORMS, build, forms, ids_for

from brnb.fingerprint import reached
from brnb.models.recurrent import RecurrentLM
from brnb.train import fast, swap
from brnb.train.recorded import make_step
from brnb.train.swap import swapped

PLAIN_ATTENTION = {"v5": {}, "v6": {"kv_heads": 4}}  # forms that the attention kernel computes


def gradients(model, ids):
    """Loss and gradients of every parameter."""
    loss, state = model(ids, None, ids)
    assert state == ()
    return loss.detach(), torch.autograd.grad(loss, list(model.parameters()))


@forms
@pytest.mark.parametrize("mode", ["as they are", "traced"])
def test_fast_parts_are_the_plain_parts(form, mode, monkeypatch):
    model = build(**FORMS[form]).train()
    ids = ids_for(model)
    loss, expected = gradients(model, ids)
    monkeypatch.setattr(
        swap, "_compiled", lambda f: torch.compile(f, backend="aot_eager", fullgraph=True)
    )
    with swapped(fast.step_swaps(model, "bf16"), compiled=mode == "traced"):
        found, got = gradients(model, ids)
    torch.testing.assert_close(found, loss)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", PLAIN_ATTENTION)
def test_attention_of_the_packed_projection_is_attention(form):
    model = build(**FORMS[form] | PLAIN_ATTENTION[form]).double()
    part, c = model.blocks[0].attention, model.choices
    rotation = (model.cos[:12], model.sin[:12]) if c.position == "rope" else None
    x = torch.randn(2, 12, c.width, dtype=torch.float64, requires_grad=True)
    expected = part(x, ids_for(model), rotation, ())[0]
    packed = torch.cat([each(x) for each in (part.query, part.key, part.value)], dim=-1)
    found = fast.attention_of_packed(part, x, packed, rotation)
    torch.testing.assert_close(found, expected)
    d, leaves = torch.randn_like(found), [x, *part.parameters()]
    got, true = (torch.autograd.grad(y, leaves, d) for y in (found, expected))
    torch.testing.assert_close(got, true)


def test_parts_of_one_form_are_compiled_together(monkeypatch):
    functions = set()
    monkeypatch.setattr(swap, "_compiled", lambda f: functions.add(f) or f)
    model = build(**FORMS["v7"]).train()
    with swapped(fast.step_swaps(model, "bf16"), compiled=True):
        gradients(model, ids_for(model))
    assert functions == {fast.embed, fast.block_bf16, fast.final_norm}


def test_after_an_error_the_model_is_itself():
    model = build(**FORMS["v5"])
    before = [set(module.__dict__) for module in model.modules()]
    with (
        pytest.raises(torch.OutOfMemoryError),
        swapped(fast.step_swaps(model, "bf16"), compiled=True),
    ):
        raise torch.OutOfMemoryError
    assert [set(module.__dict__) for module in model.modules()] == before


def test_on_a_gpu_a_transformer_asks_for_its_fast_parts():
    with pytest.raises(ValueError, match=r"pass fast=brnb\.train\.fast\.step_swaps to train"):
        make_step(build(**FORMS["v5"]), "bf16", torch.device("cuda"))
    make_step(RecurrentLM(32, 16, 1, 16), "bf16", torch.device("cuda"))  # has none


def test_a_recurrent_training_does_not_depend_on_fast_parts_and_their_kernels():
    modules = set(reached(["brnb.train.loop", "brnb.models.recurrent", "brnb.models.store"]))
    assert "brnb.ops.loss" in modules
    kernels = {"brnb.train.fast", "brnb.ops.fp8", "brnb.ops.attention", "brnb.ops.loss_fp8"}
    assert not modules & kernels
    assert kernels <= set(reached(["brnb.train.fast"]))
