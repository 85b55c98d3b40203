"""Algorithm 7: masks against their definitions, and FlexAttention against dense attention."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import flex_attention

from brnb.algorithms import sparse_masks as masks

N = 64


def test_the_window_is_a_band():
    expected = torch.tensor([[abs(i - j) <= 4 for j in range(N)] for i in range(N)])
    assert masks.dense(masks.sliding_window(8), N).equal(expected)
    assert masks.dense(masks.sliding_window(9), N).equal(expected)


def test_longformer_by_its_definition():
    found = masks.dense(masks.longformer(4, 2), N)
    expected = [[abs(i - j) <= 2 or i < 2 or j < 2 for j in range(N)] for i in range(N)]
    assert found.equal(torch.tensor(expected))


@pytest.mark.parametrize("block", [1, 4])
def test_bigbird_adds_exactly_r_keys_to_every_query(block):
    """Counted where no window and no global token covers them."""
    found = masks.dense(masks.bigbird(N, 0, 0, 8, block), N)
    away = found & ~torch.eye(N, dtype=torch.bool)
    assert found.sum(1).ge(8).all()
    assert away.sum(1).le(8).all()
    both = masks.dense(masks.bigbird(N, 8, 2, 8, block), N)
    assert (both & ~masks.dense(masks.longformer(8, 2), N)).sum(1).le(8).all()
    assert (masks.dense(masks.longformer(8, 2), N) & ~both).sum() == 0


def test_any_two_tokens_of_bigbird_are_two_steps_apart():
    """Through a global token: not so with printed Algorithm 7, where none is seen by all."""
    steps = masks.dense(masks.bigbird(N, 4, 1, 0), N).float()
    assert (steps @ steps > 0).all()
    printed = steps.clone()
    printed[:, 0] = masks.dense(masks.sliding_window(4), N)[:, 0].float()
    assert not (printed @ printed > 0).all()


def test_a_causal_mask_looks_backwards():
    found = masks.dense(masks.causally(masks.full), N)
    assert found.equal(torch.ones(N, N, dtype=torch.bool).tril())


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize(
    "mask", [masks.causal, masks.longformer(16, 4), masks.bigbird(N, 16, 4, 16, block=16)]
)
def test_flex_attention_is_dense_masked_attention(mask):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, N, 16)
    found = flex_attention(q, k, v, block_mask=masks.blocks(mask, N, 16))
    expected = F.scaled_dot_product_attention(q, k, v, masks.dense(mask, N))
    torch.testing.assert_close(found, expected)
    ours = masks.sparse_attention(q, k, v, masks.blocks(mask, N, 16))
    torch.testing.assert_close(ours, expected)


def test_share_of_computed_blocks():
    """Of 8 × 8 blocks a causal mask computes 36, a window of one block on both sides 22."""
    assert masks.computed_share(masks.blocks(masks.causal, 128, 16)) == pytest.approx(36 / 64)
    assert masks.computed_share(masks.blocks(masks.sliding_window(32), 128, 16)) == pytest.approx(
        22 / 64
    )


def test_draws_come_in_whole_blocks():
    with pytest.raises(ValueError, match="random = 6 have to be multiples of block = 4"):
        masks.bigbird(N, 8, 2, 6, block=4)
