"""A sparse attention mask as lists of blocks: which are seen whole, which in part, and how.

A kernel looks at the second through a few bits and at the first without a mask, so that a mask may
be any function of two positions (`brnb.algorithms.sparse_masks`), and costs nothing where it is
all true. Parts that are alike, as along a diagonal, are kept once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 64  # tokens of a block: bits of a word


@dataclass(frozen=True)
class Lists:
    """For every block of queries the blocks of keys that it sees, or the other way round.

    Attributes
    ----------
    order
        All of them, those that see most first, so that none is late, (blocks,).
    part_counts, counts
        How many are seen in part, and how many at all, (blocks,).
    seen
        Which: the first so many of each row, those that are seen in part before the others,
        (blocks, blocks).
    """

    order: Tensor
    part_counts: Tensor
    counts: Tensor
    seen: Tensor


@dataclass(frozen=True)
class BlockLists:
    """A mask of n tokens in blocks of `BLOCK`.

    Attributes
    ----------
    rows, columns
        By blocks of queries, by blocks of keys.
    tiles
        Different parts that are seen: a word for each query, whose bits are keys, (tiles, BLOCK).
    numbers
        Which of them a block (of queries, of keys) has, (blocks, blocks).
    """

    rows: Lists
    columns: Lists
    tiles: Tensor
    numbers: Tensor

    @property
    def computed_share(self) -> float:
        """Share of the blocks that are computed, of all of them."""
        return float(self.rows.counts.sum() / self.numbers.numel())


def block_lists(mask: BlockMask) -> BlockLists:
    """The lists of a mask that `brnb.algorithms.sparse_masks.blocks` made with blocks of `BLOCK`.

    Raises
    ------
    ValueError
        If its blocks have another size, it differs by head, or a query sees no key.
    """
    shape = mask.kv_num_blocks.shape[:2]
    if mask.BLOCK_SIZE != (BLOCK, BLOCK) or shape != (1, 1):
        raise ValueError(
            f"mask in blocks of {mask.BLOCK_SIZE} for {tuple(shape)} batches and heads: lists want "
            f"one mask for all, made by sparse_masks.blocks(..., size={BLOCK})"
        )
    rows = _lists(
        mask.full_kv_num_blocks, mask.full_kv_indices, mask.kv_num_blocks, mask.kv_indices
    )
    columns = _lists(mask.full_q_num_blocks, mask.full_q_indices, mask.q_num_blocks, mask.q_indices)
    count, device = len(rows.order), rows.order.device
    there = torch.arange(count, device=device) < rows.part_counts[:, None]
    row = there.nonzero()[:, 0]
    column = rows.seen[there].long()
    words = _words(mask, row, column)
    seeing = (rows.counts > rows.part_counts)[:, None].expand(count, BLOCK).int()
    seeing = seeing.index_add(0, row, (words != 0).int())
    if not seeing.all():
        query = int((seeing == 0).flatten().nonzero()[0])
        raise ValueError(f"query {query} sees no key: its softmax has no weights")
    tiles, which = torch.unique(words, dim=0, return_inverse=True)
    numbers = torch.zeros(count, count, dtype=torch.int32, device=device)
    numbers[row, column] = which.int()
    return BlockLists(rows, columns, tiles, numbers)


def _lists(*fields: Tensor | None) -> Lists:
    """Of counts and indices of whole blocks, and of parts."""
    whole_counts, whole, part_counts, parts = (part[0, 0] for part in fields if part is not None)
    at, first = torch.arange(len(parts), device=parts.device), part_counts[:, None]
    seen = torch.where(at < first, parts, whole.gather(1, (at - first).clamp(min=0).long()))
    counts = (whole_counts + part_counts).int()
    order = counts.argsort(descending=True, stable=True).int()
    return Lists(order, part_counts.int(), counts, seen.int())


def _words(mask: BlockMask, row: Tensor, column: Tensor) -> Tensor:
    """What each of some blocks (P,) sees: for every query a word, (P, BLOCK)."""
    at = torch.arange(BLOCK, device=row.device)
    zero = torch.zeros((), dtype=torch.long, device=row.device)
    query, key = ((block * BLOCK)[:, None] + at for block in (row, column))
    seen = mask.mask_mod(zero, zero, query[:, :, None], key[:, None, :])
    return (seen.expand(len(row), BLOCK, BLOCK).long() << at).sum(-1)
