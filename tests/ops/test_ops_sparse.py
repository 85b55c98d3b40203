"""Attention through lists of blocks against attention with the same mask in fp64, by PyTorch.

The kernel's tests run on a GPU, or on a CPU in Triton's interpreter (TRITON_INTERPRET=1).
"""

import importlib.util
import os
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from brnb.algorithms import sparse_masks
from brnb.ops.block_lists import BLOCK, block_lists

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
COMPUTES = importlib.util.find_spec("triton") and (INTERPRETED or torch.cuda.is_available())
DEVICE, DTYPE = ("cpu", torch.float16) if INTERPRETED else ("cuda", torch.bfloat16)
wants_kernel = pytest.mark.skipif(not COMPUTES, reason="wants a GPU, or TRITON_INTERPRET=1")
N = 320
MASKS = {
    "full": sparse_masks.full,
    "causal": sparse_masks.causal,
    "window": sparse_masks.sliding_window(90),
    "longformer": sparse_masks.causally(sparse_masks.longformer(100, 70)),
    "bigbird": partial(sparse_masks.bigbird, N, 70, 3, 64, 32),
}


def mask_of(name, device="cpu"):
    return MASKS[name](device=device) if name == "bigbird" else MASKS[name]


def lists_of(name, device="cpu"):
    return block_lists(sparse_masks.blocks(mask_of(name, device), N, BLOCK, device))


@pytest.mark.parametrize("name", MASKS)
def test_lists_hold_every_pair_that_is_seen(name):
    lists, expected = lists_of(name), sparse_masks.dense(mask_of(name), N)
    for one, seen in ((lists.rows, expected), (lists.columns, expected.T)):
        made = torch.zeros(N, N, dtype=torch.bool)
        for block in range(N // BLOCK):
            here = slice(block * BLOCK, (block + 1) * BLOCK)
            partly, count = int(one.part_counts[block]), int(one.counts[block])
            for other in one.seen[block, partly:count].tolist():
                made[here, other * BLOCK : (other + 1) * BLOCK] = True
            for other in one.seen[block, :partly].tolist():
                row, column = (block, other) if one is lists.rows else (other, block)
                words = lists.tiles[lists.numbers[row, column]]
                bits = (words[:, None] >> torch.arange(BLOCK) & 1).bool()
                bits = bits if one is lists.rows else bits.T
                made[here, other * BLOCK : (other + 1) * BLOCK] = bits
        assert torch.equal(made, seen)
        assert sorted(one.order.tolist()) == list(range(N // BLOCK))


def test_parts_that_are_alike_are_kept_once():
    assert len(lists_of("causal").tiles) == 1
    assert lists_of("causal").computed_share == pytest.approx(15 / 25)


@pytest.mark.parametrize(
    ("mask", "size", "message"),
    [
        (sparse_masks.causal, 128, "blocks of"),
        (lambda b, h, query, key: key < query, BLOCK, "query 0 sees no key"),
    ],
)
def test_a_mask_without_lists_is_refused(mask, size, message):
    with pytest.raises(ValueError, match=message):
        block_lists(sparse_masks.blocks(mask, 256, size))


@wants_kernel
@pytest.mark.parametrize("head_dim", [64, 128])
@pytest.mark.parametrize("name", MASKS)
def test_output_and_gradients_are_those_of_fp64(name, head_dim):
    from brnb.ops.kernels.sparse import listed_attention

    torch.manual_seed(0)
    *parts, d = (torch.randn(5, 2, N, head_dim, device=DEVICE, dtype=DTYPE) for _ in range(4))
    wide = [part.double().requires_grad_() for part in parts]
    seen = sparse_masks.dense(mask_of(name, DEVICE), N, DEVICE)
    expected = F.scaled_dot_product_attention(*wide, seen)
    expected.backward(d.double())
    narrow = [part.requires_grad_() for part in parts]
    made = listed_attention(*narrow, lists_of(name, DEVICE))
    made.backward(d)
    pairs = [(made, expected), *((a.grad, b.grad) for a, b in zip(narrow, wide, strict=True))]
    for found, true in pairs:
        assert (found.double() - true).norm() / true.norm() < 3e-3  # results rounded: 1.7e-3


@wants_kernel
def test_another_length_than_the_masks_is_refused():
    from brnb.ops.kernels.sparse import listed_attention

    x = torch.zeros(1, 1, 2 * N, 64, device=DEVICE, dtype=DTYPE)
    with pytest.raises(ValueError, match="of the mask's 320 tokens"):
        listed_attention(x, x, x, lists_of("causal", DEVICE))
