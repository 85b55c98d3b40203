"""Softmax in pieces against the whole, and costs against a counted loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from brnb.theory import online_softmax as o

DRAW = np.random.default_rng(7)


@given(st.floats(-700, 700), st.floats(-700, 700))
def test_two_scores_are_scipys(x1, x2):
    np.testing.assert_allclose(o.softmax_of_two(x1, x2), softmax([x1, x2]), atol=1e-15)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.integers(0, 99))
def test_blocks_in_any_cut_give_the_whole(sizes, seed):
    draw = np.random.default_rng(seed)
    scores, values = 30 * draw.normal(size=(4, sum(sizes))), draw.normal(size=(sum(sizes), 3))
    cuts = np.cumsum(sizes)[:-1]
    blocks = zip(np.split(scores, cuts, axis=1), np.split(values, cuts), strict=True)
    parts = [o.partial(s, v) for s, v in blocks]
    merged = parts[0]
    for part in parts[1:]:
        merged = o.merge(merged, part)
    np.testing.assert_allclose(merged.output, softmax(scores, axis=1) @ values, atol=1e-12)
    np.testing.assert_allclose(merged.maximum, scores.max(axis=1))


def test_statistics_of_two_blocks():
    scores, values = DRAW.normal(size=(4, 6)), DRAW.normal(size=(6, 2))
    parts = o.partial(scores[:, :2], values[:2]), o.partial(scores[:, 2:], values[2:])
    m = o.new_maximum(parts[0].maximum, parts[1].maximum)
    np.testing.assert_allclose(m, scores.max(axis=1))
    np.testing.assert_allclose(o.new_total(*parts), np.exp(scores - m[:, None]).sum(axis=1))


def test_reads_are_those_of_algorithm_6():
    n, d, sram = 1000, 16, 4096
    rows, read = o.block_rows(sram, d), 0
    for start in range(0, n, rows):
        read += min(rows, n - start) * d  # a block of queries
        read += sum(2 * min(rows, n - at) * d for at in range(0, n, rows))  # all keys and values
    assert o.flash_reads(n, d, sram) == read
    assert o.flash_writes(n, d) == n * d


def test_a_block_fills_the_memory_and_the_printed_one_does_not():
    sram, d = 98_304, 64  # numbers of fp16 in the 192 KiB of an SM
    rows = o.block_rows(sram, d)
    assert 4 * rows * d == pytest.approx(sram, rel=0.01)
    printed = int((sram / (4 * d)) ** 0.5)  # as the text before A.51 has it
    assert o.sram_numbers(printed, printed, d) < 0.1 * sram


def test_the_printed_example_of_memory():
    # 4 * 128 * 8192^2 / 40e6 = 859; A.52 prints 69
    assert o.printed_memory_reduction(8192, 128, 40e6) == pytest.approx(858.99, abs=0.01)
    # (8192^2 + 4 * 8192 * 128) / (8192 * (4 * 128 + 2))
    assert o.memory_reduction(8192, 128) == pytest.approx(71_303_168 / 4_210_688)
    assert o.flash_memory_numbers(8192, 128) == 8192 * 514


def test_traffic_saved_does_not_depend_on_length():
    sram, d = 98_304, 64
    ratios = [o.traffic_reduction(n, d, sram) for n in (2**16, 2**17, 2**18)]
    assert max(ratios) / min(ratios) < 1.02
    assert ratios[-1] == pytest.approx(sram / (2 * d**2), rel=0.05)  # of the order of M / d^2
    printed = [o.printed_traffic_reduction(n, d, sram) for n in (8192, 65536)]
    assert printed[0] == pytest.approx(8 * printed[1])
