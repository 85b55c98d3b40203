"""A large split in parts: the bytes of one pass, whatever was encoded before a stop."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.tokenizers.char import CharTokenizer
from brnb.train import parts, rows
from brnb.train.batches import Windows
from brnb.train.parallel import World
from brnb.train.rows import encode, encode_file

TEXTS = [f"documento {number} com ação\ne duas linhas" for number in range(60)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A tokenizer and a corpus file of four parts; one process encodes them."""
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    monkeypatch.setattr(rows, "ProcessPoolExecutor", InThisProcess)
    CharTokenizer.train(TEXTS).save(tmp_path / "char")
    lines = (json.dumps({"doc_id": str(i), "text": t}) + "\n" for i, t in enumerate(TEXTS))
    (tmp_path / "train.jsonl").write_text("".join(lines))
    return tmp_path


class InThisProcess:
    """A pool whose processes are this one."""

    def __init__(self, *_):
        self.map = map

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def in_one_pass(folder):
    encode(TEXTS, CharTokenizer.load(folder / "char"), folder / "whole", "a")
    return contents(folder, "whole")


def contents(folder, name):
    return [(folder / f"{name}{suffix}").read_bytes() for suffix in (".ids", ".bytes")]


def encoded(folder, identity="a"):
    return encode_file(folder / "train.jsonl", folder / "char", folder / "row", identity)


def test_parts_make_the_row_of_one_pass(folder):
    row = encoded(folder)
    assert contents(folder, "row") == in_one_pass(folder)
    assert row.documents == len(TEXTS)
    assert not (folder / "row.parts").exists()


def test_two_processes_make_it_too(folder, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(parts, "PART_BYTES", 2500)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    encoded(folder)
    assert contents(folder, "row") == in_one_pass(folder)


def test_parts_that_are_done_are_not_encoded_again(folder, monkeypatch):
    begun, texts = [], parts.texts_in

    def stopping(file, span):
        begun.append(span[0])
        if len(begun) == 3:
            raise KeyboardInterrupt
        yield from texts(file, span)

    monkeypatch.setattr(rows, "texts_in", stopping)
    with pytest.raises(KeyboardInterrupt):
        encoded(folder)
    encoded(folder)
    assert len(begun) == len(set(begun)) + 1  # only the third part was begun twice
    assert contents(folder, "row") == in_one_pass(folder)


def test_another_text_is_encoded_anew(folder):
    encoded(folder)
    (folder / "train.jsonl").write_text('{"text": "documento"}\n' * 100)
    assert encoded(folder, "b").documents == 100


def test_a_damaged_line_is_named_by_its_byte(folder):
    (folder / "train.jsonl").write_text('{"text": "documento"}\n{"texto": 1}\n')
    with pytest.raises(ValueError, match=r"train.jsonl: a damaged line at byte 22"):
        encoded(folder)


def test_an_empty_file_is_an_error(folder):
    (folder / "train.jsonl").write_text("")
    with pytest.raises(ValueError, match="is the corpus empty"):
        encoded(folder)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 60))
def test_every_line_is_in_one_part(tmp_path_factory, lengths, part_bytes):
    file = tmp_path_factory.mktemp("cuts") / "lines"
    file.write_bytes(b"".join(b"x" * length + b"\n" for length in lengths))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "PART_BYTES", part_bytes)
        cut = parts.spans(file)
    data = file.read_bytes()
    assert b"".join(data[start:end] for start, end in cut) == data
    assert all(data[end - 1 : end] == b"\n" for _, end in cut)
    assert all(start < end for start, end in cut)


@given(
    windows=st.integers(3, 40),
    sizes=st.lists(st.sampled_from([1, 2, 3, 4, 6, 12]), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_a_pass_continued_by_other_numbers_of_processes_reads_each_window_once(
    windows, sizes, seed
):
    """Every few steps another number of GPUs goes on: each window of the pass is read by one."""
    seq_len, batch_size = 4, 12
    row = np.arange((windows + 1) * seq_len, dtype=np.uint16)
    device, starts, steps = torch.device("cpu"), [], -(-windows // batch_size)
    for step in range(steps):
        size = sizes[step % len(sizes)]
        for rank in range(size):
            part = World(rank, size).rows(batch_size)
            data = Windows(row, batch_size, seq_len, seed, device, part)  # as after a restart
            starts += data.batch(step).x[:, 0].tolist()
    first_pass = starts[:windows]
    assert len(set(first_pass)) == windows
    assert sorted(np.diff(sorted(first_pass))) == [seq_len] * (windows - 1)
