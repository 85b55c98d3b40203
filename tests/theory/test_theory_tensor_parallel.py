"""Cut maps against whole ones, an MLP and heads against PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from brnb.theory.tensor_parallel import (
    bytes_per_flop,
    column_product,
    device_flops,
    heads_of,
    parallel_mlp,
    printed_row_product,
    reduced_bytes,
    row_product,
    split_columns,
    split_rows,
)

RANDOM = np.random.default_rng(0)
X, W, BACK = (RANDOM.normal(size=s) for s in ((5, 8), (8, 12), (12, 8)))


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_cut_products_are_whole_ones(devices):
    assert np.concatenate(split_columns(W, devices), axis=1) == pytest.approx(W)
    assert np.concatenate(split_rows(W, devices)) == pytest.approx(W)
    assert column_product(X, W, devices) == pytest.approx(X @ W)
    assert row_product(X, W, devices) == pytest.approx(X @ W)


def test_the_printed_row_product_does_not_fit():
    assert printed_row_product(X, W, 1) == pytest.approx(X @ W)
    with pytest.raises(ValueError, match="mismatch"):
        printed_row_product(X, W, 2)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_megatrons_mlp_is_pytorchs(devices):
    def gelu(x):
        return F.gelu(torch.tensor(x)).numpy()

    expected = F.gelu(torch.tensor(X) @ torch.tensor(W)) @ torch.tensor(BACK)
    assert parallel_mlp(X, W, BACK, gelu, devices) == pytest.approx(expected.numpy())


def test_heads_on_devices_sum_to_multi_head_attention():
    heads, width, devices = 4, 8, 2
    query, key, value, out = (RANDOM.normal(size=(width, width)) for _ in range(4))

    def attention(numbers):
        columns = np.concatenate([np.arange(2 * (i - 1), 2 * i) for i in numbers])
        split = [(X @ m[:, columns]).reshape(5, -1, 2).transpose(1, 0, 2)
                 for m in (query, key, value)]  # fmt: skip
        mixed = F.scaled_dot_product_attention(*map(torch.tensor, split)).numpy()
        return mixed.transpose(1, 0, 2).reshape(5, -1) @ out[columns]

    whole = attention(range(1, heads + 1))
    parts = [attention(heads_of(d, heads, devices)) for d in range(1, devices + 1)]
    assert sum(parts) == pytest.approx(whole)
    assert list(heads_of(2, 32, 4)) == list(range(9, 17))


def test_communication_of_a_megatron_map():
    # 8 devices, d = 4096, 2048 tokens in bf16: 2 x 7/8 of 16 MiB, and 2 n d^2 / 8 FLOP
    assert reduced_bytes(2048, 4096, 8, "bf16") == 1.75 * 2048 * 4096 * 2
    assert device_flops(2048, 4096, 8) == 2 * 2048 * 4096**2 / 8
    assert bytes_per_flop(4096, 8, "bf16") == pytest.approx(
        reduced_bytes(2048, 4096, 8, "bf16") / device_flops(2048, 4096, 8)
    )
    assert bytes_per_flop(4096, 8, "bf16") == pytest.approx(7 * 2 / 4096)
    assert bytes_per_flop(4096, 1, "bf16") == 0


def test_devices_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="devices = 5: it must divide the 12 columns"):
        split_columns(W, 5)
    with pytest.raises(ValueError, match="devices = 3: it must divide the 32 heads"):
        heads_of(1, 32, 3)
    with pytest.raises(ValueError, match="device = 0: they are numbered from 1 to 4"):
        heads_of(0, 32, 4)
