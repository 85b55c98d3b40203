"""Losses and gradients of packs, beside those of transformers, PEFT and bitsandbytes."""

import weakref

import pytest
import tiny
import torch
import torch.nn.functional as F

from brnb.bases.attention import packed_attention
from brnb.bases.maps import quantised as is_quantised
from brnb.finetune import layers
from brnb.finetune.budget import MemoryPlan
from brnb.finetune.forward import PackLosses, PlainStack, check_head
from brnb.finetune.layers import LlamaStack, can_replay
from brnb.finetune.lora import base_of, trained
from brnb.ops import frozen_head
from brnb.ops.frozen_head import target_nats, targets_of
from brnb.ops.packed_attention import attend

CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # gradients are of order 1; fp32 sums in other orders
LENGTHS = (5, 9, 1, 17)


def reference(model, pack):
    """Loss and gradients of each document by itself, by transformers' own loss."""
    total = 0
    for ids, labels in zip(
        pack.ids.split(pack.lengths), pack.labels.split(pack.lengths), strict=True
    ):
        if (labels >= 0).any():
            loss = model(input_ids=ids[None], labels=labels[None]).loss
            total = total + loss * (labels >= 0).sum()
    return total.detach(), torch.autograd.grad(total, trained(model))


def ours(model, stack, pack):
    rows, targets = targets_of(pack.labels)
    with packed_attention(base_of(model)):
        hidden = stack(pack.ids, pack.positions, pack.lengths)[rows]
        loss = target_nats(hidden, base_of(model).lm_head.weight, targets).sum()
        return loss.detach(), torch.autograd.grad(loss, trained(model))


def assert_same(found, expected):
    torch.testing.assert_close(found[0], expected[0], **CLOSE)
    for ours, theirs in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(ours, theirs, **CLOSE)


@pytest.mark.parametrize("nf4", [False, True])
@pytest.mark.parametrize("maps", [tiny.MAPS, ["q_proj", "v_proj"], ["down_proj"]])
def test_packed_documents_have_the_losses_and_gradients_of_each_alone(nf4, maps):
    model, pack = tiny.model(nf4, target_modules=maps), tiny.pack(LENGTHS)
    expected = reference(model, pack)
    assert_same(ours(model, PlainStack(model), pack), expected)
    assert_same(ours(model, LlamaStack(model), pack), expected)


@pytest.mark.parametrize("recomputed", [1, 2])
def test_recomputed_layers_have_the_same_gradients(recomputed):
    model, pack = tiny.model(), tiny.pack(LENGTHS)
    expected = reference(model, pack)
    assert_same(ours(model, LlamaStack(model, recomputed), pack), expected)
    assert_same(ours(model, PlainStack(model, recomputed), pack), expected)


@pytest.mark.parametrize("maps", [tiny.MAPS, ["k_proj", "up_proj"]])
def test_dequantised_once_is_the_same_model(maps):
    model, pack = tiny.model(target_modules=maps), tiny.pack(LENGTHS)
    expected = reference(model, pack)
    quantised = [weakref.ref(m.weight) for m in base_of(model).modules() if is_quantised(m)]
    assert_same(ours(model, LlamaStack(model, dequantised=2), pack), expected)
    assert_same(reference(model, pack), expected)  # and transformers' own layers still work
    assert not any(weight() is not None for weight in quantised)  # nothing is stored twice


def test_gradients_are_the_same_after_an_evaluation_step():
    """On CPUs with AVX512-BF16 bitsandbytes repacks its maps in evaluation, and never back."""
    model, pack = tiny.model(), tiny.pack(LENGTHS)
    before = reference(model, pack)
    with torch.no_grad():
        model.eval()(input_ids=pack.ids[None])
    assert_same(reference(model.train(), pack), before)


def test_equal_documents_are_a_batch():
    torch.manual_seed(0)
    q, k, v = torch.randn(12, 4, 8), torch.randn(12, 2, 8), torch.randn(12, 2, 8)
    together = attend(q, k, v, (4, 4, 4))
    alone = [
        F.scaled_dot_product_attention(
            *(
                x[i : i + 4].repeat_interleave(4 // x.shape[1], 1).transpose(0, 1)
                for x in (q, k, v)
            ),
            is_causal=True,
        ).transpose(0, 1)
        for i in (0, 4, 8)
    ]
    torch.testing.assert_close(together, torch.cat(alone))


def test_lengths_have_to_add_up():
    x = torch.zeros(5, 1, 4)
    with pytest.raises(ValueError, match="documents of 4 tokens together, but 5 queries"):
        attend(x, x, x, (4,))


def test_the_head_in_chunks_has_pytorchs_loss_and_gradient(monkeypatch):
    monkeypatch.setattr("brnb.ops.frozen_head.FROZEN_LOGITS", 3 * 50)  # three rows at a time
    torch.manual_seed(0)
    hidden = torch.randn(10, 8, requires_grad=True)
    weight, targets, share = torch.randn(50, 8), torch.randint(50, (10,)), torch.randn(10)
    nats = target_nats(hidden, weight, targets)
    expected = F.cross_entropy(hidden @ weight.t(), targets, reduction="none")
    torch.testing.assert_close(nats, expected)
    (found,) = torch.autograd.grad(nats @ share, hidden)
    torch.testing.assert_close(found, *torch.autograd.grad(expected @ share, hidden))


def test_bf16_is_as_near_to_fp32_as_pefts_own_layers():
    exact = ours(m := tiny.model(nf4=False), LlamaStack(m), tiny.pack(LENGTHS))
    m = tiny.model(nf4=False, dtype=torch.bfloat16)

    def distance(stack):
        loss, gradients = ours(m, stack(m), tiny.pack(LENGTHS))
        assert loss.item() == pytest.approx(exact[0].item(), rel=0.02)
        assert all(g.dtype == torch.float32 for g in gradients)
        return sum(
            ((found - right).norm() / right.norm()).item()
            for found, right in zip(gradients, exact[1], strict=True)
        )

    assert distance(LlamaStack) < 1.2 * distance(PlainStack)


def test_what_is_compiled_gets_its_tokens_as_rows_of_matrices(monkeypatch):
    """A vector of T numbers would be taken for a constant, and every T compiled anew."""
    calls = []

    def watched(module, name):
        function = getattr(module, name)

        def call(*arguments):
            calls.append((name, [x.shape for x in arguments if isinstance(x, torch.Tensor)]))
            return function(*arguments)

        monkeypatch.setattr(module, name, call)

    names = {"rms_norm", "rms_norm_backward", "swiglu", "swiglu_backward", "rotate_into"}
    for name in names:
        watched(layers, name)
    watched(frozen_head, "_nats")
    model, pack = tiny.model(), tiny.pack((7, 4))
    ours(model, LlamaStack(model), pack)
    assert {name for name, _ in calls} == names | {"_nats"}
    rows = {11, int(pack.targets)}
    assert not [name for name, shapes in calls for s in shapes if len(s) == 1 and s[0] in rows]


def test_dropout_is_left_to_peft():
    assert can_replay(tiny.model())
    assert not can_replay(tiny.model(dropout=0.1))


def test_a_head_that_is_not_ours_is_refused():
    model = tiny.model()
    losses = PackLosses(model, MemoryPlan(tokens=24))
    check_head(model, losses, tiny.pack((20,)))
    losses.head = losses.head * 3
    with pytest.raises(ValueError, match="differ from its own logits by"):
        check_head(model, losses, tiny.pack((20,)))
