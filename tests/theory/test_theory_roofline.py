"""The roofline and attention's traffic against tensors' sizes and hand calculation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory.attention_traffic import (
    attention_flops,
    fused_bytes,
    fusion_speedup,
    naive_bytes,
    naive_intensity,
    printed_attention_bytes,
    printed_attention_intensity,
    printed_fused_bytes,
    printed_fusion_speedup,
    printed_naive_bytes,
    tile_bytes,
    tile_elements,
)
from brnb.theory.roofline import (
    attainable,
    compute_bound_size,
    intensity,
    matmul_bytes,
    matmul_flops,
    matmul_intensity,
    matvec_bytes,
    matvec_flops,
    matvec_intensity,
    printed_attainable,
    ridge_point,
)

PEAK, BANDWIDTH = 312e12, 1.5e12
sizes = st.integers(1, 10_000)


def test_ridge_of_an_a100():
    assert ridge_point(PEAK, BANDWIDTH) == 208
    assert ridge_point(312e12, 1.555e12) == pytest.approx(200.6, abs=0.1)


@pytest.mark.parametrize(
    ("dtype", "torch_type"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_bytes_of_a_product_are_those_of_its_tensors(dtype, torch_type):
    a, b = torch.empty(6, 4, dtype=torch_type), torch.empty(4, 5, dtype=torch_type)
    assert matmul_bytes(6, 4, 5, dtype) == a.nbytes + b.nbytes + (a @ b).nbytes
    vector = torch.empty(4, dtype=torch_type)
    assert matvec_bytes(6, 4, dtype) == a.nbytes + vector.nbytes + (a @ vector).nbytes


@given(sizes)
def test_squares_have_a_sixth_of_their_side(n):
    assert matmul_intensity(n, n, n, "fp32") == pytest.approx(n / 6)
    assert matmul_flops(n, n, n) == 2 * n**3


def test_side_that_reaches_the_ridge():
    assert compute_bound_size(208, "fp32") == 1248  # as printed: fp32 bytes, fp16 peak
    assert compute_bound_size(208, "fp16") == 624
    assert compute_bound_size(ridge_point(19.5e12, 1.5e12), "fp32") == 78
    assert matmul_intensity(624, 624, 624, "fp16") == pytest.approx(208)


@given(sizes, sizes)
def test_the_printed_limit_is_the_right_one_over_the_intensity(flops, traffic):
    i = intensity(flops, traffic)
    assert attainable(i, PEAK, BANDWIDTH) <= PEAK
    assert printed_attainable(i, PEAK, BANDWIDTH) * i == pytest.approx(
        attainable(i, PEAK, BANDWIDTH)
    )


def test_matrix_times_vector_on_an_a100():
    assert matvec_flops(4096, 4096) == 2 * 4096**2
    assert matvec_intensity(4096, 4096, "fp32") == pytest.approx(0.5, rel=1e-3)
    assert attainable(0.5, PEAK, BANDWIDTH) == 750e9
    assert round(750e9 / PEAK, 4) == 0.0024


def test_attention_intensities_that_the_text_evaluates():
    assert printed_attention_intensity(2048, 1024) == pytest.approx(682.67, abs=0.01)  # prints 341
    assert printed_attention_intensity(8192, 128) == pytest.approx(240.94, abs=0.01)  # prints 128
    assert naive_intensity(2048, 1024, "fp16") == pytest.approx(341.33, abs=0.01)
    assert naive_intensity(8192, 128, "fp16") == pytest.approx(63.02, abs=0.01)


def test_naive_attention_moves_each_pass():
    n, d = 16, 4
    q, k, v, out = (torch.empty(n, d, dtype=torch.float16) for _ in range(4))
    scores = torch.empty(n, n, dtype=torch.float16)
    moved = sum(t.nbytes for t in (q, k, v, out)) + 4 * scores.nbytes
    assert naive_bytes(n, d, "fp16") == moved
    assert printed_attention_bytes(n, d) == moved - 3 * scores.nbytes
    assert fused_bytes(n, d, "fp16") == moved - 4 * scores.nbytes


def test_fusion():
    n, d = 2048, 128
    assert printed_naive_bytes(n, d) == 16 * n**2 + 8 * n * d
    assert printed_fused_bytes(n, d) == 8 * n * d
    assert printed_fusion_speedup(n, d) == 33
    assert fusion_speedup(n, d) == 17
    assert attention_flops(n, d) == 4 * n**2 * d


def test_shared_memory_of_a_tile():
    assert tile_elements(64, 32, 128) == {
        "queries": 8192, "keys": 4096, "values": 4096, "scores": 2048
    }  # fmt: skip
    assert tile_bytes(128, 128, 128, "fp16") == 128 * 1024  # fits the 164 KB of an A100's SM


def test_arrays_and_bad_input():
    assert attainable(np.array([1.0, 1000.0]), PEAK, BANDWIDTH) == pytest.approx([1.5e12, PEAK])
    with pytest.raises(ValueError, match=r"bandwidth = '200 Gb/s'.*bytes/s"):
        ridge_point(PEAK, "200 Gb/s")
    with pytest.raises(ValueError, match=r"peak = -1.0: .*FLOP/s"):
        ridge_point(-1.0, 1.0)
    with pytest.raises(ValueError, match="dtype = 'fp12'"):
        matmul_bytes(1, 1, 1, "fp12")
