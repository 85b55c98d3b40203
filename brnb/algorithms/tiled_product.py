"""Algorithm 11: a matrix product in tiles, which counts what it brings from memory."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Traffic:
    """Elements that a product read from memory and wrote there."""

    loaded: int = 0
    stored: int = 0

    def load(self, tile: Tensor) -> Tensor:
        """A tile, now in fast memory."""
        self.loaded += tile.numel()
        return tile


def tiled_product(a: Tensor, b: Tensor, tile: int) -> tuple[Tensor, Traffic]:
    """A B in square tiles (Algorithm 11), and its traffic.

    Every element of A is loaded once for each column of tiles of B, n / tile times, instead of n:
    traffic falls by the tile's side.

    Parameters
    ----------
    a, b
        Matrices (m, k) and (k, n); sides need not be multiples of the tile's.
    tile
        T, side of a tile; three of them have to fit into fast memory.

    Raises
    ------
    ValueError
        If the tile has no side.
    """
    if tile < 1:
        raise ValueError(f"tile = {tile}: a tile has at least one element a side")
    (m, k), n = a.shape, b.shape[1]
    product, traffic = a.new_empty(m, n), Traffic()
    for i in range(0, m, tile):
        for j in range(0, n, tile):
            total = torch.zeros_like(product[i : i + tile, j : j + tile])
            for inner in range(0, k, tile):
                left = traffic.load(a[i : i + tile, inner : inner + tile])
                total += left @ traffic.load(b[inner : inner + tile, j : j + tile])
            product[i : i + tile, j : j + tile] = total
            traffic.stored += total.numel()
    return product, traffic
