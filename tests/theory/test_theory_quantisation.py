"""Quantisers and their errors against Monte Carlo, PyTorch and published clips."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory.quantisation import (
    affine_scale,
    best_clip,
    bits_per_value,
    cache_reduction,
    clipped_error,
    error_share,
    levels,
    printed_rounding_rmse,
    printed_zero_point,
    quantise_affine,
    quantise_symmetric,
    restore_affine,
    restore_symmetric,
    rounding_rmse,
    rounding_variance,
    zero_point,
)

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=400_000)


@given(st.floats(-10, 10), st.floats(0.1, 10))
def test_symmetric_codes_are_within_half_a_step(value, clip):
    code = quantise_symmetric(np.array([value]), clip)
    assert abs(code[0]) <= 127
    restored = restore_symmetric(code, clip)[0]
    assert abs(restored - np.clip(value, -clip, clip)) <= clip / 254 + 1e-12


@pytest.mark.parametrize(("bits", "clip"), [(8, 3.9), (8, 2.5), (4, 2.5), (4, 4.0)])
def test_error_of_clipping_and_rounding(bits, clip):
    restored = restore_symmetric(quantise_symmetric(NORMAL, clip, bits), clip, bits)
    assert np.mean((NORMAL - restored) ** 2) == pytest.approx(clipped_error(clip, bits), rel=0.06)


@pytest.mark.parametrize(("bits", "published"), [(8, 3.92), (6, 3.29), (4, 2.55)])
def test_best_clip_is_the_published_one(bits, published):
    # Banner et al. (2019), ACIQ, for normal tensors; its step is 2 alpha / 2^b, ours a little more
    assert best_clip(bits) == pytest.approx(published, abs=0.09)


def test_the_printed_clip_of_eight_bits_is_that_of_four():
    grid = np.linspace(1, 6, 51)
    squared = [np.mean((NORMAL - restore_symmetric(quantise_symmetric(NORMAL, c), c)) ** 2)
               for c in grid]  # fmt: skip
    assert grid[int(np.argmin(squared))] == pytest.approx(best_clip(8), abs=0.25)
    assert clipped_error(2.5) > 25 * clipped_error(best_clip(8))


def test_rounding_rmse_is_half_of_the_printed():
    values = RANDOM.uniform(-3, 3, 200_000)
    error = values - restore_symmetric(quantise_symmetric(values, 3.0), 3.0)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(rounding_rmse(3.0), rel=0.01)
    assert rounding_rmse(1.0) == pytest.approx(0.00227, abs=5e-6)
    assert printed_rounding_rmse(1.0) == pytest.approx(2 * rounding_rmse(1.0))
    assert printed_rounding_rmse(1.0) == pytest.approx(0.00455, abs=5e-6)


def test_scales_take_their_bits():
    assert cache_reduction() == 2
    assert bits_per_value(8, 64) == 8.25
    assert cache_reduction(64) == pytest.approx(16 / 8.25)
    # NF4 of QLoRA: a scale of 32 bits for 64 weights, 4.5 bits each (Dettmers et al., 2023)
    assert bits_per_value(4, 64, 32) == 4.5
    assert [levels(b) for b in (8, 4)] == [127, 7]


def test_affine_values_are_those_of_pytorch():
    weights = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    low, high = weights.min().item(), weights.max().item()
    scale = affine_scale(low, high)
    zero = zero_point(low, scale)
    theirs = torch.fake_quantize_per_tensor_affine(weights, scale, zero, -128, 127)
    codes = quantise_affine(weights.double().numpy(), scale, zero)
    assert restore_affine(codes, scale, zero) == pytest.approx(theirs.numpy(), abs=1e-6)


def test_zero_is_exact_only_with_an_integer_zero_point():
    low, high = -0.7, 0.9
    scale = affine_scale(low, high)
    integer, printed = zero_point(low, scale), printed_zero_point(low, scale)
    assert restore_affine(quantise_affine(np.zeros(1), scale, integer), scale, integer)[0] == 0
    assert restore_affine(quantise_affine(np.zeros(1), scale, printed), scale, printed)[0] != 0
    assert quantise_affine(np.array([low]), scale, printed)[0] == -128


def test_rounding_errors_are_uniform_within_half_a_step():
    weights = RANDOM.normal(size=200_000)
    scale = affine_scale(weights.min(), weights.max())
    zero = zero_point(weights.min(), scale)
    error = (weights - restore_affine(quantise_affine(weights, scale, zero), scale, zero)) / scale
    inner = error[np.abs(error) <= 0.5]
    assert inner.size > 0.999 * error.size
    counts = np.histogram(inner, bins=10, range=(-0.5, 0.5))[0] / inner.size
    assert counts == pytest.approx(np.full(10, 0.1), abs=0.004)
    assert np.var(error) * scale**2 == pytest.approx(rounding_variance(scale), rel=0.02)


@pytest.mark.parametrize(("bits", "share"), [(8, 1.0e-4), (4, 0.03)])
def test_the_tolerance_is_one_of_four_bits(bits, share):
    assert error_share(affine_scale(-4.5, 4.5, bits), 1.0) == pytest.approx(share, rel=0.05)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="bits = 1"):
        levels(1)
    with pytest.raises(ValueError, match="width = -1"):
        affine_scale(1.0, 0.0)
    with pytest.raises(ValueError, match="clip = 0"):
        quantise_symmetric(NORMAL[:2], 0)
