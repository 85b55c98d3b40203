"""Algorithm 11 against PyTorch's product; traffic by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.algorithms.tiled_product import tiled_product


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_the_product_is_pytorchs(m, k, n, tile):
    a, b = torch.randn(m, k, dtype=torch.float64), torch.randn(k, n, dtype=torch.float64)
    product, traffic = tiled_product(a, b, tile)
    torch.testing.assert_close(product, a @ b)
    assert traffic.stored == m * n
    assert traffic.loaded == m * k * -(-n // tile) + k * n * -(-m // tile)


@pytest.mark.parametrize("tile", [1, 2, 4, 8])
def test_traffic_falls_by_the_side_of_a_tile(tile):
    """2 · 32³ elements one by one; Eq. B.32 prints a third of the side."""
    _, traffic = tiled_product(torch.zeros(32, 32), torch.zeros(32, 32), tile)
    assert traffic.loaded == 2 * 32**3 / tile


def test_a_tile_without_a_side_is_refused():
    with pytest.raises(ValueError, match="tile = 0"):
        tiled_product(torch.zeros(2, 2), torch.zeros(2, 2), 0)
