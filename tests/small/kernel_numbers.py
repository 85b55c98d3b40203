"""Numbers for kernels and their distance from definitions; what tests of kernels on a GPU need."""

import pytest
import torch

from brnb.ops import formats

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="kernels need a GPU: make test-gpu runs these there"
)
BF16, E4M3, E5M2 = torch.bfloat16, formats.E4M3, formats.E5M2
with_or_without_bias = pytest.mark.parametrize("bias", [True, False])
softcaps = pytest.mark.parametrize("softcap", [None, 5.0])
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, BF16])

if torch.cuda.is_available():
    # This sets up the ptxas that a training's kernels are built with, too.
    torch.compile(lambda x: x + 1)(torch.zeros(8, device="cuda"))


def normal(*shape, dtype=torch.float32, scale=1.0):
    """Random numbers, the same on every machine, on the CPU."""
    generator = torch.Generator().manual_seed(sum(shape))
    return (scale * torch.randn(shape, generator=generator)).to(dtype)


def eight_bits(*shape, dtype=E4M3, scale=4.0):
    return normal(*shape, scale=scale).to(dtype)


def gpu(*values):
    """The same on the GPU, as leaves of their own."""
    moved = [
        v.detach().cuda().requires_grad_(v.requires_grad) if isinstance(v, torch.Tensor) else v
        for v in values
    ]
    return moved if len(moved) > 1 else moved[0]


def distance(found, expected):
    """Of two tensors, as a share of the second's norm."""
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    return float((found - expected).norm() / expected.norm())


def assert_near(found, expected, farthest):
    """Close in norm, each tensor of two sequences."""
    for got, true in zip(found, expected, strict=True):
        assert got.shape == true.shape
        assert distance(got, true) < farthest


def same_bytes(found, expected):
    return torch.equal(found.cpu().view(torch.uint8), expected.cpu().view(torch.uint8))


def assert_within_a_unit(found, expected, rtol):
    """8-bit numbers that differ by a unit at the most, but for what long sums lose.

    The matrix units keep 14 bits of a sum's largest terms: where terms cancel, what is left is off
    by up to a hundredth of what such sums usually are.
    """
    found, expected = found.cpu().float(), expected.float()
    usual = float(expected.square().mean().sqrt())
    torch.testing.assert_close(found, expected, rtol=rtol, atol=2**-7 + usual / 100)


def cut_rows(x):
    """Rows in e4m3, each by its own scale."""
    scales = x.float().abs().amax(1, keepdim=True) / 448
    return (x.float() / scales).to(E4M3), scales
