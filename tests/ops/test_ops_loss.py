"""The loss in parts against PyTorch's own loss of all logits, and against hand calculations."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.ops.loss import InParts, fused_cross_entropy, turn_into_gradient


def plain(hidden, weight, bias, targets, softcap):
    """PyTorch's loss of all logits at once."""
    logits = F.linear(hidden, weight, bias)
    return F.cross_entropy(
        logits if softcap is None else softcap * (logits / softcap).tanh(), targets
    )


def inputs(rows, width, vocabulary, bias, dtype=torch.float64):
    random = torch.Generator().manual_seed(rows)
    shapes = [(rows, width), (vocabulary, width), *([(vocabulary,)] if bias else [])]
    parts = [torch.randn(shape, generator=random).to(dtype).requires_grad_() for shape in shapes]
    hidden, weight, offset = (*parts, None)[:3]
    return hidden, weight, offset, torch.randint(vocabulary, (rows,), generator=random)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 17),
    vocabulary=st.integers(2, 23),
    at_a_time=st.integers(1, 20),
    softcap=st.sampled_from([None, 0.7, 15.0]),
    bias=st.booleans(),
)
def test_parts_have_the_loss_and_the_gradients_of_the_whole(
    rows, vocabulary, at_a_time, softcap, bias
):
    hidden, weight, offset, targets = inputs(rows, 5, vocabulary, bias)
    leaves = [part for part in (hidden, weight, offset) if part is not None]
    expected = plain(hidden, weight, offset, targets, softcap)
    found = InParts.apply(hidden, weight, offset, targets, softcap, at_a_time)
    torch.testing.assert_close(found, expected)
    for got, true in zip(
        torch.autograd.grad(0.3 * found, leaves),
        torch.autograd.grad(0.3 * expected, leaves),
        strict=True,
    ):
        torch.testing.assert_close(got, true)


def test_parts_in_bf16_stay_within_its_rounding():
    hidden, weight, _, targets = inputs(64, 32, 50, bias=False, dtype=torch.float32)
    expected = torch.autograd.grad(plain(hidden, weight, None, targets, None), (hidden, weight))
    with torch.autocast("cpu", torch.bfloat16):
        loss = InParts.apply(hidden, weight, None, targets, None, 16)
    assert loss.dtype == torch.float32
    for got, true in zip(torch.autograd.grad(loss, (hidden, weight)), expected, strict=True):
        assert got.dtype == torch.float32
        assert (got - true).norm() < 0.01 * true.norm()  # 8 bits: a rounding is 0.4%


def test_logits_become_their_gradient_in_place():
    logits = torch.tensor([[0.0, math.log(3.0)]])
    loss = turn_into_gradient(logits, torch.tensor([1]), None)
    assert loss.item() == pytest.approx(math.log(4 / 3))  # probabilities 1/4 and 3/4
    torch.testing.assert_close(logits, torch.tensor([[0.25, -0.25]]))


def test_a_softcap_bounds_the_loss():
    hidden, weight = torch.tensor([[1000.0]]), torch.tensor([[1.0], [-1.0]])
    wrong = fused_cross_entropy(hidden, weight, torch.tensor([1]), softcap=2.0)
    assert wrong.item() == pytest.approx(math.log1p(math.exp(4.0)))  # logits 2 and -2


MODELS = {
    "softcap": lambda: TransformerLM(
        vocab_size=19, width=16, layers=2, heads=2, kv_heads=1, context=8, hidden=24,
        norm="rmsnorm", position="rope", mlp="relu2", tied=False, softcap=3.0,
    ),
    "tied": lambda: TransformerLM(
        vocab_size=19, width=16, layers=2, heads=2, kv_heads=2, context=8, hidden=24
    ),
    "lstm": lambda: RecurrentLM(19, 12, 2, 8),
    "gru": lambda: RecurrentLM(19, 12, 1, 8, "gru"),
}  # fmt: skip


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_given_targets_returns_the_loss_of_its_logits(kind, training):
    torch.manual_seed(0)
    model = MODELS[kind]().train(training)
    ids = torch.randint(19, (3, 9))
    logits, state = model(ids[:, :-1])
    loss, after = model(ids[:, :-1], None, ids[:, 1:])
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()))
    for got, true in zip(after, state, strict=True):
        assert torch.equal(got, true)
