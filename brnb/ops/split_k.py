"""How a product in 8 bits that sums over many tokens is cut into parts (split-K).

A gradient of a small weight has fewer tiles than a GPU has multiprocessors, each with a long sum.
A program of `brnb.ops.kernels.split_k` makes a part of a tile's sum instead.
"""

from brnb.ops.kernels.tuned import tuning

MOST, FEWEST = 2**14, 4  # terms of a part; parts worth it


def split_count(rows: int, columns: int, terms: int) -> int:
    """How many parts to cut each sum of a product (rows, columns) into, so that all multiprocessors
    are busy.

    1 means: use PyTorch's product. Sizes do not fit the tiles, or there are enough of them,
    or a part would be longer than `MOST`. The matrix units keep 14 bits of what they add up: of so
    many terms, added 32 at a time, at most 3% is lost to that, and rounding them lost up to 12%.
    """
    tile_rows, tile_columns, at_a_time = tuning().sum_tile
    if rows % tile_rows or columns % tile_columns:
        return 1
    count, tiles = 1, rows // tile_rows * (columns // tile_columns)
    while 2 * count * tiles <= tuning().multiprocessors:
        count *= 2
    fits = terms % (count * at_a_time) == 0 and terms <= count * MOST
    return count if fits and count >= FEWEST else 1
