"""Algorithm 7: sparse attention, as functions of two positions that FlexAttention compiles.

A mask is a function (batch, head, query, key) -> whether that query sees that key, PyTorch's
``mask_mod``: `torch.nn.attention.flex_attention` makes of it a kernel that skips what nobody sees.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, and_masks, create_block_mask, create_mask

from brnb.algorithms.attention import masked_attention

MaskRule = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def causal(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """A token sees itself and those before."""
    return key <= query


def full(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """A token sees every token."""
    return (key >= 0) & (query >= 0)


def sliding_window(width: int) -> MaskRule:
    """A token sees those up to width/2 away on both sides: Longformer's local attention."""

    def mask(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query - key).abs() <= width // 2

    return mask


def longformer(width: int, globals_: int) -> MaskRule:
    """A window and global tokens (Beltagy et al., 2020; Eq. A.56).

    Parameters
    ----------
    width
        w, tokens of the window, both sides together.
    globals_
        g: the first g tokens see all tokens and are seen by all.
    """
    window = sliding_window(width)

    def mask(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return window(b, h, query, key) | (query < globals_) | (key < globals_)

    return mask


def bigbird(
    n: int,
    width: int,
    globals_: int,
    random: int,
    block: int = 1,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> MaskRule:
    """A window, global tokens, and random ones for every query (Zaheer et al., 2020; Algorithm 7).

    The algorithm as printed lets global tokens see all, but not be seen by all, without which no
    two tokens are two steps apart; here they are, as in the paper.

    Parameters
    ----------
    n
        Tokens of a sequence, a multiple of `block`.
    width, globals_
        As in `longformer`.
    random
        r, keys drawn for every query, in whole blocks as the paper's implementation has them: a
        multiple of `block`.
    block
        Tokens that share their draws; 1 is the algorithm to the letter.
    seed, device
        Of the draws, and where they are kept.

    Raises
    ------
    ValueError
        If `n` or `random` is not a multiple of `block`.
    """
    if n % block or random % block:
        raise ValueError(f"n = {n} and random = {random} have to be multiples of block = {block}")
    base, count = longformer(width, globals_), n // block
    drawn = torch.Generator().manual_seed(seed)
    order = torch.rand(count, count, generator=drawn).argsort(1)[:, : random // block]
    seen = torch.zeros(count, count, dtype=torch.bool).scatter_(1, order, True).to(device)

    def mask(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return base(b, h, query, key) | seen[query // block, key // block]

    return mask


def causally(mask: MaskRule) -> MaskRule:
    """The same mask, looking backwards only."""
    return and_masks(mask, causal)


def dense(mask: MaskRule, n: int, device: str | torch.device = "cpu") -> Tensor:
    """The mask as a matrix (n, n): rows are queries, columns keys."""
    return create_mask(mask, None, None, n, n, device=device)[0, 0]


def blocks(
    mask: MaskRule, n: int, size: int = 128, device: str | torch.device = "cpu"
) -> BlockMask:
    """The mask by blocks of `size` tokens, as FlexAttention wants it."""
    return create_block_mask(mask, None, None, n, n, device=device, BLOCK_SIZE=size)


def sparse_attention(q: Tensor, k: Tensor, v: Tensor, mask: BlockMask) -> Tensor:
    """Attention that looks at the blocks of a mask and at nothing else, one row of them at a time.

    Parameters
    ----------
    q, k, v
        Queries, keys and values (..., n, d), n a multiple of the mask's block.
    mask
        As `blocks` makes it; every query sees a key.
    """
    size, out = mask.BLOCK_SIZE[0], torch.empty_like(q)
    zero, offsets = torch.zeros((), dtype=torch.long), torch.arange(size)
    seen = mask.to_dense()[0, 0].bool()
    for row in range(len(seen)):
        columns = seen[row].nonzero().flatten()
        query = row * size + offsets
        key = (columns[:, None] * size + offsets).flatten()
        sees = mask.mask_mod(zero, zero, query[:, None], key)
        out[..., query, :] = masked_attention(
            q[..., query, :], k[..., key, :], v[..., key, :], sees
        )
    return out


def computed_share(mask: BlockMask) -> float:
    """Share of the blocks that are computed, of all of them."""
    return 1 - mask.sparsity() / 100
