"""Norms that share the stream's gradient, against PyTorch's own norms and autograd."""

import pytest
import torch
from model_forms import build, forms, ids_for
from torch import nn

from brnb.models import transformer
from brnb.models.norm import Branch, branch

NORMS = {
    "layernorm": lambda: nn.LayerNorm(12, eps=1e-3),
    "without bias": lambda: nn.LayerNorm(12, bias=False),
    "rmsnorm": lambda: nn.RMSNorm(12, eps=1e-5),
}


def as_on_a_gpu(norm, x):
    """`branch` where a GPU trains."""
    bias = getattr(norm, "bias", None)
    return Branch.apply(x, norm.weight, bias, norm.eps, isinstance(norm, nn.LayerNorm))


@pytest.mark.parametrize("kind", NORMS)
def test_gradients_are_those_of_a_norm_and_a_stream(kind):
    torch.manual_seed(0)
    norm = NORMS[kind]().double()
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    x, left, right = torch.randn(3, 2, 5, 12, dtype=torch.float64)
    leaves = [x.requires_grad_(), *norm.parameters()]
    found, expected = as_on_a_gpu(norm, x), (x, norm(x))
    for got, true in zip(found, expected, strict=True):
        torch.testing.assert_close(got, true)
    for got, true in zip(
        torch.autograd.grad(found, leaves, (left, right)),
        torch.autograd.grad(expected, leaves, (left, right)),
        strict=True,
    ):
        torch.testing.assert_close(got, true)


def test_the_gain_is_exact_beside_a_stream_in_bf16():
    torch.manual_seed(0)
    norm, x = nn.RMSNorm(12, eps=1e-5), torch.randn(64, 12).bfloat16().requires_grad_()
    exact = torch.autograd.grad(norm(x.float()).sum(), norm.weight)[0]
    stream, normed = as_on_a_gpu(norm, x)
    assert stream.dtype == normed.dtype == torch.bfloat16
    d_gain = torch.autograd.grad(normed.sum() + stream.sum(), norm.weight)[0]
    torch.testing.assert_close(d_gain, exact)


@forms
def test_a_model_trains_as_with_plain_norms(form, monkeypatch):
    model = build(**form_of(form)).train()
    ids = ids_for(model)
    plain = gradients(model, ids)
    monkeypatch.setattr(transformer, "branch", as_on_a_gpu)
    for got, true in zip(gradients(model, ids), plain, strict=True):
        torch.testing.assert_close(got, true)


def test_outside_training_a_norm_is_a_norm():
    norm, x = nn.RMSNorm(12), torch.randn(3, 12)
    stream, normed = branch(norm, x)
    assert stream is x
    assert torch.equal(normed, norm(x))


def form_of(name):
    from model_forms import FORMS

    return FORMS[name]


def gradients(model, ids):
    loss, _ = model(ids, None, ids)
    return torch.autograd.grad(loss, list(model.parameters()))
