"""Memory traffic of a product of matrices, tiled and not (Algorithm 11, Eqs. B.32 and B.33)."""

from brnb.theory.units import Quantity, positive


def untiled_traffic(rows: Quantity, inner: Quantity, columns: Quantity) -> Quantity:
    """Numbers moved if each product of two reads both: 2mkn, and mn of the result."""
    positive("elements", rows=rows, inner=inner, columns=columns)
    return 2 * rows * inner * columns + rows * columns


def tiled_traffic(rows: Quantity, inner: Quantity, columns: Quantity, tile: Quantity) -> Quantity:
    """Numbers moved by Algorithm 11: both factors in T x T tiles, mkn/T of each, and the result.

    Parameters
    ----------
    rows, inner, columns
        m, k, n.
    tile
        T; sizes are taken as multiples of it.
    """
    positive("elements", rows=rows, inner=inner, columns=columns, tile=tile)
    return 2 * rows * inner * columns / tile + rows * columns


def tiling_reduction(
    rows: Quantity, inner: Quantity, columns: Quantity, tile: Quantity
) -> Quantity:
    """How many times less is moved with tiles: nearly T (cf. Eq. B.33)."""
    untiled = untiled_traffic(rows, inner, columns)
    return untiled / tiled_traffic(rows, inner, columns, tile)


def tile_reuse(tile: Quantity) -> Quantity:
    """Times that each number of a tile is used once loaded, T^3 products of 2 over 2T^2: T."""
    positive("elements", tile=tile)
    return 2 * tile**3 / (2 * tile**2)


def printed_tile_reuse(tile: Quantity) -> Quantity:
    """T^3 / 3T^2 = T/3, as Eqs. B.32 and B.33 print it: 42 for T = 128, where it is 128.

    It counts the tile of C as moved at each of the k/T steps, though Algorithm 11 writes it once,
    and a product of two numbers as one use.
    """
    positive("elements", tile=tile)
    return tile**3 / (3 * tile**2)
