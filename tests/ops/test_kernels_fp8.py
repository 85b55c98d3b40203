"""Kernels of 8-bit training against their exact definition in PyTorch, on a GPU.

The definitions are what a CPU computes, and tests of their own hold them against other libraries.
Sizes are odd where a kernel has tiles: one row, rows between two tiles, widths of no power of two.
Needs pytest, torch and transformers: `make test-gpu`, or with `--noconftest` where the rest of the
project is not installed.
"""

import pytest
import torch
from kernel_numbers import (
    BF16,
    E4M3,
    E5M2,
    assert_near,
    assert_within_a_unit,
    distance,
    eight_bits,
    gpu,
    needs_gpu,
    normal,
    same_bytes,
    with_or_without_bias,
)
from torch import nn

from brnb.ops import fp8

pytestmark = needs_gpu
every_kind = pytest.mark.parametrize("kind", ["gelu", "relu2", "swiglu"])


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
@pytest.mark.parametrize("kind", [torch.float32, BF16])
@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (416, 32), (1024, 352)])
def test_eight_bits_and_their_transpose_are_those_of_pytorch(shape, kind, dtype):
    x = normal(*shape, dtype=kind, scale=30.0)
    x[0, 0], x[1, 1], x[2, 2] = 1e6, -1e6, 1e-9  # cut, and too small for a number
    scale = torch.tensor(0.75)
    for found, expected in zip(
        fp8.with_transpose(*gpu(x, scale), dtype), fp8.with_transpose(x, scale, dtype), strict=True
    ):
        assert same_bytes(found, expected)


def test_rows_that_lie_apart_are_read_where_they_are():
    whole, scale = gpu(normal(128, 256), torch.tensor(1.0))
    for part in (whole[:, 64:160], whole.t()):
        found, expected = (
            fp8.with_transpose(x, scale.to(x.device), E4M3) for x in (part, part.cpu())
        )
        assert same_bytes(found[0], expected[0])
        assert same_bytes(found[1], expected[1])


@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (4128, 64)])
def test_a_transpose_is_a_transpose(shape):
    x = eight_bits(*shape)
    assert same_bytes(fp8.transposed(gpu(x)), x.t().contiguous())


@pytest.mark.parametrize(
    ("rows", "columns", "terms"),
    [(1024, 256, 131_072), (2048, 512, 65_536), (128, 256, 16_384), (96, 160, 288), (16, 48, 32)],
)
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_long_sums_are_those_of_fp32(rows, columns, terms, dtype):
    a, b = eight_bits(rows, terms, dtype=E5M2).cuda(), eight_bits(columns, terms).cuda()
    factor = torch.tensor(0.125, device="cuda")
    found = fp8.matmul_fp32(a, b, factor, dtype)
    assert found.dtype == dtype
    assert distance(found, 0.125 * a.float() @ b.float().t()) < 0.005


@with_or_without_bias
def test_products_of_few_terms_are_those_of_fp32(bias):
    a, b, factor = eight_bits(256, 352), eight_bits(96, 352), torch.tensor(0.5)
    offset = normal(96) if bias else None
    found, expected = (fp8.matmul(*v) for v in (gpu(a, b, factor, offset), (a, b, factor, offset)))
    assert distance(found, expected) < 0.005


@every_kind
@with_or_without_bias
@pytest.mark.parametrize(
    ("rows", "width", "hidden"),
    [(256, 32, 32), (512, 96, 160), (768, 256, 1024), (256, 544, 96), (256, 1056, 224)],
)
def test_activations_and_slopes_are_within_a_unit_of_8_bits(rows, width, hidden, kind, bias):
    halves = 2 if kind == "swiglu" else 1
    x8, u8 = eight_bits(rows, width), eight_bits(halves * hidden, width, scale=64 / width**0.5)
    offset, factor = normal(halves * hidden) if bias else None, torch.tensor(1 / 256)
    found = fp8.activated(*gpu(x8, u8, offset, factor), kind)
    expected = fp8.exact_activated(x8, u8, offset, factor, kind)
    assert same_bytes(found[1], found[0].t().contiguous())
    assert_near([part.float() for part in found], [part.float() for part in expected], 0.02)
    for got, true in zip(found, expected, strict=True):
        assert_within_a_unit(got, true, rtol=1 / 7)


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize(
    ("rows", "width", "hidden"),
    [(256, 32, 32), (512, 96, 160), (768, 256, 1024), (256, 544, 96), (256, 1056, 224)],
)
def test_gradients_through_slopes_are_within_a_unit_of_8_bits(rows, width, hidden, halves):
    g8, d8t = eight_bits(rows, width, dtype=E5M2), eight_bits(hidden, width, scale=1.0)
    slopes, factor = eight_bits(rows, halves * hidden, scale=1.0), torch.tensor(0.25)
    found = fp8.activated_backward(*gpu(g8, d8t, slopes, factor))
    expected = fp8.exact_activated_backward(g8, d8t, slopes, factor)
    assert same_bytes(found[1], found[0].t().contiguous())
    assert_near([part.float() for part in found], [part.float() for part in expected], 0.02)
    assert_within_a_unit(found[0], expected[0], rtol=1 / 3)


@every_kind
@with_or_without_bias
def test_an_mlp_and_its_gradients_are_those_of_the_definition(kind, bias):
    torch.manual_seed(0)
    ups = [nn.Linear(96, 160, bias) for _ in range(2 if kind == "swiglu" else 1)]
    down, x, d = nn.Linear(160, 96, bias), normal(2, 256, 96), normal(2, 256, 96, dtype=BF16)

    def run(device):
        inputs = x.to(device).requires_grad_()
        maps = [part.to(device) for part in (*ups, down)]
        y = fp8.mlp(inputs, maps[:-1], maps[-1], kind)
        leaves = [inputs, *(p for part in maps for p in part.parameters())]
        return y, *torch.autograd.grad(y, leaves, d.to(device))

    expected = run("cpu")
    assert_near(run("cuda"), expected, 0.03)


@with_or_without_bias
def test_a_joined_map_and_its_gradients_are_those_of_the_definition(bias):
    torch.manual_seed(0)
    maps = [nn.Linear(96, size, bias) for size in (96, 32, 32)]
    x, d = normal(2, 256, 96), normal(2, 256, 160, dtype=BF16)

    def run(device):
        inputs = x.to(device).requires_grad_()
        y = fp8.joined_linear(inputs, [part.to(device) for part in maps], in_fp8=True)
        leaves = [inputs, *(p for part in maps for p in part.parameters())]
        return y, *torch.autograd.grad(y, leaves, d.to(device))

    expected = run("cpu")
    assert_near(run("cuda"), expected, 0.01)
