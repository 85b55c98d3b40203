"""Attention over a packed projection, against PyTorch's attention and its autograd."""

import pytest
import torch
import torch.nn.functional as F
from model_forms import FORMS, build, ids_for

from brnb.models import transformer
from brnb.ops.attention import attention, fits
from brnb.ops.rope import rope_table, rotate


def plain(qkv, cos, sin, heads):
    """Split, turned and transposed."""
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
    if cos is not None:
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("turned", [False, True])
def test_outputs_and_gradients_are_those_of_attention(turned):
    torch.manual_seed(0)
    qkv = torch.randn(2, 7, 3 * 3 * 4, dtype=torch.float64, requires_grad=True)
    angles = [part.double() for part in rope_table(7, 4, 100.0)] if turned else (None, None)
    found, expected = attention(qkv, *angles, 3)[0], plain(qkv, *angles, 3)
    torch.testing.assert_close(found, expected)
    d = torch.randn_like(found)
    (got,), (true,) = (torch.autograd.grad(y, qkv, d) for y in (found, expected))
    torch.testing.assert_close(got, true)


@pytest.mark.parametrize("form", [
    {"position": "rope", "norm": "rmsnorm", "mlp": "swiglu", "bias": False},
    {"position": "learned"},
])  # fmt: skip
def test_a_model_trains_as_with_separate_heads(form, monkeypatch):
    model = build(**FORMS["v5"] | form).train()
    ids = ids_for(model)

    def gradients(forward):
        loss, _ = forward(ids, None, ids)
        return torch.autograd.grad(loss, list(model.parameters()))

    expected = gradients(model)
    monkeypatch.setattr(transformer, "_joins", lambda *_: True)
    monkeypatch.setattr(transformer.Attention, "_has_kernel", lambda *_: True)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for got, true in zip(gradients(compiled), expected, strict=True):
        torch.testing.assert_close(got, true, rtol=1e-4, atol=1e-5)


def test_kernels_are_for_whole_blocks_of_short_sequences():
    assert fits(512, 64)
    assert not any((fits(500, 64), fits(512, 48), fits(4096, 64)))
