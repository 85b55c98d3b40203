"""Windows and streams on a row that counts: every token says where it stood."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.train.batches import Streams, Windows

CPU = torch.device("cpu")


def counting(length):
    return np.arange(length, dtype=np.uint16)


@given(
    seq_len=st.integers(2, 9),
    batch_size=st.integers(1, 7),
    windows=st.integers(1, 12),
    rest=st.integers(0, 8),
    seed=st.integers(0, 99),
)
def test_windows_are_each_read_once_a_pass(seq_len, batch_size, windows, rest, seed):
    length = (windows + 1) * seq_len + rest % seq_len
    data = Windows(counting(length), batch_size, seq_len, seed, CPU)
    steps = 3 * windows  # three passes' worth of batches, and more
    rows = torch.cat([data.batch(step).x for step in range(steps)])
    targets = torch.cat([data.batch(step).y for step in range(steps)])
    assert torch.equal(targets, rows + 1)
    assert torch.equal(rows, rows[:, :1] + torch.arange(seq_len))
    for pass_ in range(3):
        starts = sorted(rows[pass_ * windows : (pass_ + 1) * windows, 0].tolist())
        shift = starts[0]
        assert 0 <= shift < seq_len
        assert starts == [shift + i * seq_len for i in range(windows)]


def test_passes_differ_in_order_and_offset():
    data = Windows(counting(5000), 50, 10, seed=1, device=CPU)
    passes = [
        torch.cat([data.batch(step).x[:, 0] for step in range(start, start + 10)])[:499]
        for start in (0, 10, 20)
    ]
    assert not torch.equal(passes[0], passes[0].sort().values)
    assert len({int(part.min()) for part in passes}) > 1


@pytest.mark.parametrize("kind", [Streams, Windows])
def test_a_batch_depends_on_its_step_alone(kind):
    def make():
        return kind(counting(3000), 4, 7, 5, CPU)

    ahead = [make().batch(step) for step in range(300)]
    data = make()
    for step in (299, 3, 120, 121, 0):
        assert torch.equal(data.batch(step).x, ahead[step].x)
        assert data.batch(step).fresh == ahead[step].fresh


def test_streams_read_on_until_a_pass_ends():
    data = Streams(counting(1000), batch_size=3, seq_len=8, seed=0, device=CPU)
    before = data.batch(0)
    assert before.fresh
    for step in range(1, 2 * data.windows):
        batch = data.batch(step)
        assert batch.fresh == (step == data.windows)
        if not batch.fresh:
            assert torch.equal(batch.x[:, 0], before.y[:, -1])
        before = batch


@pytest.mark.parametrize("kind", [Streams, Windows])
def test_large_ids_keep_their_value(kind):
    row = np.full(100, 65_535, dtype=np.uint16)
    assert kind(row, 2, 4, 0, CPU).batch(0).x.unique().tolist() == [65_535]


@pytest.mark.parametrize("kind", [Streams, Windows])
def test_a_corpus_that_is_too_short_is_refused(kind):
    with pytest.raises(ValueError, match="use more documents"):
        kind(counting(9), 1, 9, 0, CPU)
