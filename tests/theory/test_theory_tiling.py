"""Traffic of a tiled product, counted load by load."""

import pytest

from brnb.theory.tiling import (
    printed_tile_reuse,
    tile_reuse,
    tiled_traffic,
    tiling_reduction,
    untiled_traffic,
)


def loads_of_algorithm_11(m, k, n, tile):
    moved = 0
    for _ in range(0, m, tile):
        for _ in range(0, n, tile):
            for _ in range(0, k, tile):
                moved += 2 * tile * tile  # a tile of A and one of B
            moved += tile * tile  # the tile of C, written once
    return moved


@pytest.mark.parametrize("sizes", [(8, 8, 8), (8, 16, 4), (12, 4, 8)])
def test_traffic_is_that_of_the_algorithm(sizes):
    assert tiled_traffic(*sizes, 4) == loads_of_algorithm_11(*sizes, 4)
    assert untiled_traffic(*sizes) == loads_of_algorithm_11(*sizes, 1)


def test_tiles_save_t_times_and_not_a_third_of_it():
    assert tiling_reduction(8192, 8192, 8192, 128) == pytest.approx(128, rel=0.01)
    assert tile_reuse(128) == 128
    assert printed_tile_reuse(128) == pytest.approx(42.7, abs=0.1)


def test_no_tile_is_refused():
    with pytest.raises(ValueError, match=r"tile = 0: it must be above 0 \(elements\)"):
        tiled_traffic(4, 4, 4, 0)
