"""Rows sorted by the expert that they go to, as tiles of a GPU's products want them.

Every token is a row for each expert that it chose: n = token·k + choice. The rows of an expert
follow each other, in the order of tokens, and fill whole tiles; the rest of its last tile is
padding. So no tile has rows of two experts, and nothing waits for the CPU to know how many each
has: memory is for the most rows that there can be.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

BLOCKS = 16, 64, 128  # rows of a tile: few where experts have few


class Layout(NamedTuple):
    """Where rows stand.

    Attributes
    ----------
    source
        What stands in each row, n or -1 for padding, int32 of shape (rows,).
    row_of
        Where n stands, int32 of shape (T·k,).
    starts
        First row of each expert, and the end of all, int32 of shape (E + 1,).
    tiles
        Expert of each tile, int32 of shape (tiles,), -1 after the last one.
    """

    source: Tensor
    row_of: Tensor
    starts: Tensor
    tiles: Tensor

    @property
    def block(self) -> int:
        """Rows of a tile."""
        return len(self.source) // len(self.tiles)

    def parts(self) -> list[slice]:
        """The rows of each expert, its padding among them."""
        starts = self.starts.tolist()
        return [slice(a, b) for a, b in pairwise(starts)]


def sort_by_expert(chosen: Tensor, experts: int) -> Layout:
    """Lay out the rows of tokens that chose experts (T, k), in tiles as large as they can fill."""
    rows = chosen.numel() // experts
    block = next((size for size in BLOCKS if rows <= size), BLOCKS[-1])
    return Layout(*laid_out(chosen, experts, block))


def most_tiles(count: int, experts: int, block: int) -> int:
    """How many tiles `count` rows of so many experts can fill."""
    return (count + min(experts, count) * (block - 1)) // block


@torch.library.custom_op("brnb::laid_out", mutates_args=(), device_types="cpu")
def laid_out(chosen: Tensor, experts: int, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four parts of a `Layout`, in tiles of `block` rows."""
    of_row = chosen.flatten()
    count = torch.bincount(of_row, minlength=experts)
    padded = (count + block - 1) // block * block
    starts = torch.cat((padded.new_zeros(1), padded.cumsum(0)))
    order = of_row.argsort(stable=True)
    rank = torch.arange(len(order)) - (count.cumsum(0) - count)[of_row[order]]
    row_of = torch.empty_like(order).scatter_(0, order, starts[of_row[order]] + rank)
    tiles = most_tiles(len(order), experts, block)
    source = order.new_full((tiles * block,), -1).scatter_(0, row_of, torch.arange(len(order)))
    first = torch.arange(tiles) * block
    expert = torch.searchsorted(starts[1:], first, right=True)
    of_tile = torch.where(first < starts[-1], expert, -1)
    return source.int(), row_of.int(), starts.int(), of_tile.int()


@laid_out.register_fake
def _(chosen: Tensor, experts: int, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    tiles, count = most_tiles(chosen.numel(), experts, block), chosen.numel()
    sizes = tiles * block, count, experts + 1, tiles
    source, row_of, starts, of_tile = (chosen.new_empty(n, dtype=torch.int32) for n in sizes)
    return source, row_of, starts, of_tile
