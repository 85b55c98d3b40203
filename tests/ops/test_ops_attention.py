"""Attention over a packed projection, against PyTorch's attention and its autograd."""

import pytest
import torch
import torch.nn.functional as F

from brnb.ops.attention import attention, fits
from brnb.ops.rope import rope_table, rotate


def plain(qkv, cos, sin, heads):
    """Split, rotated and transposed."""
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
    if cos is not None:
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("rotated", [False, True])
def test_outputs_and_gradients_are_those_of_attention(rotated):
    torch.manual_seed(0)
    qkv = torch.randn(2, 7, 3 * 3 * 4, dtype=torch.float64, requires_grad=True)
    angles = [part.double() for part in rope_table(7, 4, 100.0)] if rotated else (None, None)
    found, expected = attention(qkv, *angles, 3)[0], plain(qkv, *angles, 3)
    torch.testing.assert_close(found, expected)
    d = torch.randn_like(found)
    (got,), (true,) = (torch.autograd.grad(y, qkv, d) for y in (found, expected))
    torch.testing.assert_close(got, true)


def test_kernels_are_for_whole_blocks_of_short_sequences():
    assert fits(512, 64)
    assert not any((fits(500, 64), fits(512, 48), fits(4096, 64)))


def test_compiled_code_asks_without_breaking_its_graph():
    compiled = torch.compile(lambda x: x + fits(len(x), 64), fullgraph=True, backend="eager")
    assert compiled(torch.zeros(64)).all()
