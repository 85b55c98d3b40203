"""Underflow in 16 bits against Monte Carlo and PyTorch's limits."""

import numpy as np
import pytest
import torch

from brnb.theory.loss_scaling import (
    SMALLEST,
    SMALLEST_NORMAL,
    best_scale,
    printed_subnormal_share,
    printed_underflow_share,
    share_below,
    through_fp16,
    underflow_share,
)

TORCH = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


@pytest.mark.parametrize("dtype", TORCH)
def test_limits_are_those_of_pytorch(dtype):
    info = torch.finfo(TORCH[dtype])
    assert SMALLEST_NORMAL[dtype] == info.tiny
    smallest = torch.tensor(SMALLEST[dtype], dtype=torch.float64)
    assert smallest.to(TORCH[dtype]) > 0
    assert (smallest / 2).to(TORCH[dtype]) == 0  # ties go to even
    assert (smallest * 0.51).to(TORCH[dtype]) > 0


def test_printed_probability():
    assert printed_underflow_share(1e-4) == pytest.approx(4.8e-4, abs=5e-6)
    assert printed_subnormal_share(1e-4) == pytest.approx(0.458, abs=1e-3)  # of a normal table
    assert share_below(1.0, 1.0) == pytest.approx(0.6827, abs=1e-4)


@pytest.mark.parametrize("sigma", [1e-7, 1e-6])
def test_half_of_the_printed_gradients_become_zero(sigma):
    gradients = np.random.default_rng(0).normal(0, sigma, 400_000)
    zero = np.mean(through_fp16(gradients) == 0)
    assert zero == pytest.approx(underflow_share(sigma), rel=0.02)
    assert printed_underflow_share(sigma) > 1.5 * zero


def test_a_scaled_gradient_survives():
    gradients = np.random.default_rng(0).normal(0, 1e-7, 1000)
    scale = 2.0 ** np.floor(np.log2(best_scale(np.abs(gradients).max())))
    assert np.mean(through_fp16(gradients) == 0) > 0.1
    rescued = through_fp16(gradients, scale)
    assert np.mean(rescued == 0) == 0
    assert np.abs(rescued / gradients - 1).max() < 2**-10
    assert np.isinf(through_fp16(gradients, 4 * best_scale(np.abs(gradients).max()))).any()


def test_the_best_scale_leaves_one_binary_digit_free():
    assert best_scale(0.5) == 2.0**16
    assert best_scale(0.5, safety=0.5) == 2.0**15
    assert 0.5 * best_scale(0.5) == pytest.approx(65504 / 2, rel=1e-3)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="dtype = 'int8': choose from fp16"):
        underflow_share(1e-4, "int8")
    with pytest.raises(ValueError, match="sigma = 0"):
        share_below(1.0, 0)
