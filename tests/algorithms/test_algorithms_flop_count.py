"""Algorithm 10 against PyTorch's FlopCounterMode and the printed GPT-3."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from brnb.algorithms.flop_count import count_flops, transformer_training_flops
from brnb.models.transformer import TransformerLM

SIZES = {"vocab_size": 50, "width": 16, "layers": 2, "heads": 4, "kv_heads": 4, "context": 12}


def step(model, x):
    loss = model(x)
    loss = loss[0] if isinstance(loss, tuple) else loss
    loss.float().pow(2).mean().backward()


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 3, bias=False)), torch.randn(4, 6)),
        (TransformerLM(**SIZES, hidden=64), torch.arange(24).reshape(2, 12)),
    ],
)
def test_forward_and_backward_as_pytorch_counts(model, x):
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as theirs:
        step(model, x)
        expected = theirs.get_total_flops()
    with sdpa_kernel(SDPBackend.MATH):
        assert count_flops(step, model, x) == expected > 0


def test_fused_attention_by_hand():
    """Two products of 10 × 10 pairs and 8 forward, and five backward, in each of two heads.

    PyTorch's counter does not know the CPU's fused attention, and says 0.
    """
    q, k, v = (torch.randn(1, 2, 10, 8, requires_grad=True) for _ in range(3))

    def attend():
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    assert count_flops(attend) == 2 * 2 * (2 * 10 * 10 * 8)
    assert count_flops(lambda: attend().sum().backward()) == 2 * 7 * (2 * 10 * 10 * 8)
    with FlopCounterMode(display=False) as theirs:
        attend()
    assert theirs.get_total_flops() == 0


def test_a_batched_product_by_hand():
    """3 products of (4, 5) by (5, 6)."""
    assert count_flops(torch.bmm, torch.randn(3, 4, 5), torch.randn(3, 5, 6)) == 3 * 2 * 4 * 5 * 6


def test_gpt3_as_printed():
    """B.22: 3.15e23 FLOP for 175e9 parameters and 300e9 tokens."""
    assert transformer_training_flops(96, 12288, 50257, 300e9) == pytest.approx(3.15e23, rel=0.01)
