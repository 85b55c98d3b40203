"""All-reduces against a simulation message by message and hand calculation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory.collectives import (
    gradient_bytes,
    hierarchical_seconds,
    printed_hierarchical_seconds,
    ring_bytes,
    ring_latency,
    ring_seconds,
    step_seconds,
    two_level_seconds,
)


def ring(chunks):
    """Algorithm 17 as printed, on each worker's chunks: what they hold, what each has sent."""
    workers, sent = len(chunks), np.zeros(len(chunks))
    for offset, reduce in ((0, True), (1, False)):
        for i in range(1, workers):
            messages = []
            for rank in range(workers):
                index = (rank - i + offset) % workers
                messages.append(((rank + 1) % workers, index, chunks[rank][index].copy()))
                sent[rank] += chunks[rank][index].size
            for target, index, data in messages:
                chunks[target][index] = chunks[target][index] * reduce + data
    return chunks, sent


@given(st.integers(1, 9), st.integers(1, 4))
def test_a_ring_sums_and_sends_what_the_formula_says(workers, chunk):
    data = np.arange(workers * workers * chunk, dtype=float).reshape(workers, workers, chunk)
    expected = data.sum(axis=0)
    chunks, sent = ring([[c.copy() for c in worker] for worker in data])
    assert all(np.array_equal(np.stack(worker), expected) for worker in chunks)
    assert sent == pytest.approx(ring_bytes(workers * chunk, workers))


def test_eqs_b49_to_b51():
    assert gradient_bytes(175e9, "fp32") == 700e9
    assert ring_seconds(700e9, 8, 25e9) == 49
    batch = 6 * 175e9 * 3.2e6  # Brown et al. (2020), table 2.1: 3.2 million tokens
    assert step_seconds(batch, 8, 312e12, 0.4) == pytest.approx(3365, abs=1)
    assert step_seconds(6 * 175e9 * 114e3, 8, 312e12, 0.4) == pytest.approx(120, abs=0.5)


def test_latency_is_paid_once_a_message():
    assert ring_latency(8, 1e-6) == pytest.approx(14e-6)
    assert ring_seconds(8.0, 4, 2.0, 1.0) == 6 + 2 * 3 / 4 * 8 / 2
    assert ring_seconds(1e9, 1, 1e9, 1.0) == 0  # alone there is nothing to send


def test_hierarchy_within_one_node_or_with_one_gpu_each_is_a_ring():
    data, fast, slow = 8e9, 450e9, 25e9
    alone = {"data": data, "fast": fast, "slow": slow}
    ring_of_nodes = ring_seconds(data, 4, slow)
    assert hierarchical_seconds(nodes=4, gpus=1, **alone) == pytest.approx(ring_of_nodes)
    assert two_level_seconds(nodes=4, gpus=1, **alone) == pytest.approx(ring_of_nodes)
    assert two_level_seconds(nodes=1, gpus=8, **alone) == pytest.approx(ring_seconds(data, 8, fast))


def test_the_printed_broadcast_is_faster_than_its_bytes():
    data, fast, slow = 8e9, 450e9, 25e9
    printed = printed_hierarchical_seconds(data, 4, 8, fast, slow)
    right = hierarchical_seconds(data, 4, 8, fast, slow)
    assert right - printed == pytest.approx(data / fast / 8)
    assert printed - ring_seconds(data, 8, fast) - ring_seconds(data, 4, slow) < data / fast
    assert two_level_seconds(data, 4, 8, fast, slow) < printed / 3


def test_bits_are_refused_where_bytes_are_asked():
    with pytest.raises(ValueError, match=r"bandwidth = '200 Gb/s': .*in bytes/s"):
        ring_seconds(1e9, 8, "200 Gb/s")
    with pytest.raises(ValueError, match=r"data = -1: .*\(bytes\)"):
        ring_bytes(-1, 8)
    with pytest.raises(ValueError, match="workers = 0"):
        ring_bytes(1, 0)
