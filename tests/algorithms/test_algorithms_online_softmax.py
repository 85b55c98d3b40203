"""Algorithm 6 against PyTorch's attention, its gradients and its memory."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.algorithms.attention import masked_attention
from brnb.algorithms.memory import peak_bytes
from brnb.algorithms.online_softmax import (
    blockwise_attention,
    blockwise_attention_backward,
    merge_partial,
    nothing,
    partial_attention,
)


@given(st.integers(1, 70), st.integers(1, 40), st.integers(1, 40), st.booleans())
@settings(max_examples=40, deadline=None)
def test_exact_for_every_length_and_block(n, rows, columns, causal):
    torch.manual_seed(n)
    q, k, v = torch.randn(3, 2, n, 8, dtype=torch.float64)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    out, _ = blockwise_attention(q, k, v, rows, columns, causal)
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_are_autograds(causal):
    q, k, v = (torch.randn(2, 45, 8, dtype=torch.float64, requires_grad=True) for _ in range(3))
    d_out = torch.randn(2, 45, 8, dtype=torch.float64)
    F.scaled_dot_product_attention(q, k, v, is_causal=causal).backward(d_out)
    plain = [part.detach() for part in (q, k, v)]
    forward = blockwise_attention(*plain, 16, 32, causal)
    found = blockwise_attention_backward(d_out, *plain, *forward, 16, 32, causal)
    for ours, part in zip(found, (q, k, v), strict=True):
        torch.testing.assert_close(ours, part.grad)


def test_normalisers_are_logarithms_of_sums():
    q, k, v = torch.randn(3, 20, 8, dtype=torch.float64)
    _, normalisers = blockwise_attention(q, k, v, 8, 8)
    torch.testing.assert_close(normalisers[:, 0], (q @ k.T / 8**0.5).logsumexp(-1))


def test_parts_merge_in_any_order():
    scores, v = torch.randn(5, 30, dtype=torch.float64), torch.randn(30, 4, dtype=torch.float64)
    parts = [partial_attention(scores[:, i::3], v[i::3]) for i in range(3)]
    backwards = merge_partial(merge_partial(parts[2], parts[1]), parts[0])
    together = merge_partial(nothing(scores[:, :1], v), partial_attention(scores, v))
    torch.testing.assert_close(backwards.output, together.output)
    torch.testing.assert_close(backwards.output, scores.softmax(-1) @ v)


def test_memory_grows_with_the_length_and_not_with_its_square():
    """Naive: three matrices of n² at once, 4 bytes each, and O(n); flash: O(n)."""
    naive, flash = {}, {}
    for n in (256, 512, 1024):
        q, k, v = torch.randn(3, n, 16)
        naive[n] = peak_bytes(masked_attention, q, k, v)
        flash[n] = peak_bytes(blockwise_attention, q, k, v)
    assert 2 * 4 * 1024**2 <= naive[1024] < 3.1 * 4 * 1024**2
    assert naive[1024] / naive[512] == pytest.approx(4, rel=0.02)
    assert flash[1024] / flash[256] < 4
    assert flash[1024] < naive[1024] / 50
