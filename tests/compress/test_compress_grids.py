"""Grids against PyTorch's fake quantisation, packing against what it packed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.compress.grids import affine_grid, pack_codes, symmetric_grid, unpack_codes

WEIGHT = torch.randn(12, 64, generator=torch.Generator().manual_seed(0))


@given(st.integers(2, 8), st.integers(1, 70), st.integers(0, 99))
def test_packed_codes_come_back_and_take_no_more_bytes_than_bits(bits, count, seed):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(2**bits, (count,), generator=generator).to(torch.uint8)
    packed = pack_codes(codes, bits)
    assert len(packed) == -(-count * bits // 8)
    assert torch.equal(unpack_codes(packed, bits, count), codes)


def test_symmetric_rows_are_those_of_pytorch():
    grid = symmetric_grid(WEIGHT, 8, per_row=True)
    scale, zero = WEIGHT.abs().amax(1) / 127, torch.zeros(12, dtype=torch.int32)
    expected = torch.fake_quantize_per_channel_affine(WEIGHT, scale, zero, 0, -127, 127)
    torch.testing.assert_close(grid.restore(grid.codes(WEIGHT)), expected)


def test_one_scale_for_the_whole_matrix_is_pytorchs():
    grid = symmetric_grid(WEIGHT, 8, per_row=False)
    expected = torch.fake_quantize_per_tensor_affine(
        WEIGHT, WEIGHT.abs().max().item() / 127, 0, -127, 127
    )
    torch.testing.assert_close(grid.restore(grid.codes(WEIGHT)), expected)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_affine_groups_are_those_of_pytorch(bits):
    grid = affine_grid(WEIGHT, bits, 16)
    rows = WEIGHT.reshape(48, 16)  # a group is a channel
    zero, scale = grid.zero.flatten().int(), grid.scale.flatten()
    expected = torch.fake_quantize_per_channel_affine(rows, scale, zero, 0, 0, 2**bits - 1)
    torch.testing.assert_close(grid.restore(grid.codes(WEIGHT)).reshape(48, 16), expected)


def test_a_weight_of_zero_stays_zero():
    weight = WEIGHT.clamp(min=0.3)
    weight[:, 5] = 0
    grid = affine_grid(weight, 4, 16)
    assert (grid.restore(grid.codes(weight))[:, 5] == 0).all()


def test_groups_have_to_fill_a_row():
    with pytest.raises(ValueError, match="group = 48 does not divide a row of 64"):
        affine_grid(WEIGHT, 4, 48)
