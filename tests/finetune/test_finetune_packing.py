"""Packs of documents whose every token says which document and place it comes from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.finetune.packing import IGNORE, Example, Pack, Packs, pack, pieces

PLACE = 1000  # token = document * PLACE + place


def document(number, length, prompt=1):
    ids = number * PLACE + np.arange(length)
    labels = ids.copy()
    labels[:prompt] = IGNORE
    return Example(str(number), ids, labels, length)


def documents(lengths):
    return [document(number, length) for number, length in enumerate(lengths)]


def targets(found):
    labels = torch.cat([p.labels for p in found])
    return sorted(labels[labels != IGNORE].tolist())


LENGTHS = st.lists(st.integers(2, 60), min_size=1, max_size=40)


@given(lengths=LENGTHS, seq_len=st.integers(2, 40), seed=st.integers(0, 9))
def test_nothing_is_lost_and_nothing_mixed(lengths, seq_len, seed):
    found = pack(documents(lengths), seq_len, seed)
    every = [n * PLACE + i for n, length in enumerate(lengths) for i in range(1, length)]
    assert targets(found) == every
    for one in found:
        assert len(one.ids) == sum(one.lengths) <= seq_len
        parts = (x.split(one.lengths) for x in (one.ids, one.labels, one.positions))
        for ids, labels, positions in zip(*parts, strict=True):
            assert torch.equal(ids, ids[0] + torch.arange(len(ids)))  # one document, in order
            assert torch.equal(positions, torch.arange(len(ids)))
            assert labels[0] == IGNORE
            assert torch.equal(labels[1:], ids[1:])


@given(lengths=LENGTHS, seed=st.integers(0, 9))
def test_packing_is_as_tight_as_best_fit_written_plainly(lengths, seed):
    room = 60
    bins = []
    for length in sorted(lengths, reverse=True):
        fitting = [b for b in bins if sum(b) + length <= room]
        if fitting:
            max(fitting, key=sum).append(length)
        else:
            bins.append([length])
    found = pack(documents(lengths), room, seed)
    assert sorted(sum(p.lengths) for p in found) == sorted(map(sum, bins))


def test_best_fit_finds_the_two_bins_that_first_come_does_not():
    assert len(pack(documents([4, 6, 5, 5]), 10, 0)) == 2


def test_packing_depends_on_the_seed_alone():
    lengths = [5] * 30 + [3] * 10
    packs = [[p.ids.tolist() for p in pack(documents(lengths), 16, seed)] for seed in (1, 1, 2)]
    assert packs[0] == packs[1] != packs[2]


def test_windows_of_a_long_document_overlap_by_the_token_before():
    found = pieces(document(0, 10), 4)
    assert [p.ids.tolist() for p in found] == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert [p.labels.tolist()[0] for p in found] == [IGNORE] * 3
    assert [p.bytes for p in found] == [10, 0, 0]


def test_windows_without_a_target_are_left_out():
    found = pack([document(0, 10, prompt=5)], 4, 0)
    assert targets(found) == [5, 6, 7, 8, 9]
    assert sorted(p.ids.tolist()[0] for p in found) == [3, 6]


def test_nothing_to_learn_is_an_error():
    with pytest.raises(ValueError, match="no example has a token to learn from"):
        pack([document(0, 5, prompt=5)], 8, 0)


def numbered(count):
    one = torch.zeros(1, dtype=torch.long)
    return [Pack(one + n, one, one, (1,)) for n in range(count)]


def read(data, steps):
    return [[int(p.ids) for p in data.batch(step)] for step in steps]


@given(
    count=st.integers(1, 30),
    per_step=st.integers(1, 8),
    epoch=st.integers(0, 3),
    seed=st.integers(0, 9),
)
def test_every_epoch_reads_every_pack_once(count, per_step, epoch, seed):
    data = Packs(numbered(count), per_step, seed)
    steps = range(epoch * data.steps_per_epoch, (epoch + 1) * data.steps_per_epoch)
    batches = read(data, steps)
    assert sorted(n for batch in batches for n in batch) == list(range(count))
    assert [len(batch) for batch in batches[:-1]] == [per_step] * (len(batches) - 1)
    assert len(batches[-1]) == (count % per_step or per_step)


def test_a_step_is_the_same_whatever_was_read_before():
    data = Packs(numbered(10), 3, 5)
    ahead = read(data, range(12))
    assert read(Packs(numbered(10), 3, 5), (11, 0, 7)) == [ahead[11], ahead[0], ahead[7]]
    assert ahead[:4] != ahead[4:8]
