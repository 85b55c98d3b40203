"""Algorithms 12, 17, 18: sums against PyTorch's, bytes against the formulas."""

import pytest
import torch
from four_processes import LENGTH, SIZE, vector

from brnb.algorithms.collectives import communication_efficiency

BYTES = 4 * LENGTH


def test_every_process_has_the_sum(four):
    expected = sum(vector(rank) for rank in range(SIZE))
    for found in four:
        torch.testing.assert_close(found["sums"]["ring"], expected)
        torch.testing.assert_close(found["sums"]["tree"], expected)


def test_a_ring_sends_what_the_formulas_say(four):
    """B.97: 2 (P - 1) messages; B.98: 2 (P - 1)/P of the vector. P divides the length."""
    for found in four:
        assert found["sums"]["messages"] == 2 * (SIZE - 1)
        assert found["sums"]["sent"] == 2 * (SIZE - 1) * BYTES / SIZE


def test_each_has_its_part_of_a_vector_that_does_not_divide(four):
    """Ten elements in parts of three: the last has one, and two of padding."""
    parts = [found["sums"]["part"].tolist() for found in four]
    assert parts == [[0, 4, 8], [12, 16, 20], [24, 28, 32], [36, 0, 0]]


def test_between_nodes_only_leaders_send(four):
    """Two nodes of two: leaders exchange 2 (N - 1)/N of the vector (B.102)."""
    leaders = [found["sums"]["leaders"] for found in four]
    assert leaders == [2 * BYTES / 2, 0, 2 * BYTES / 2, 0]
    node = [found["sums"]["node"] for found in four]
    ring, broadcast = 2 * BYTES / 2, BYTES / 2  # within a node, B.101 and B.103
    assert node == [ring + 2 * broadcast, ring + broadcast] * 2


def test_gpt3_on_eight_workers_as_printed():
    """B.50 prints 49 s at 25 GB/s, and 120 s of computing hide them."""
    assert communication_efficiency(175e9, 8, 25e9, 120) == 1
    assert communication_efficiency(175e9, 8, 25e9, 24.5) == pytest.approx(0.5)


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="bandwidth = 0 bytes/s"):
        communication_efficiency(1e9, 8, 0, 1)
