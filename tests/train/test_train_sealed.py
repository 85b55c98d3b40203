"""A file that was cut or changed anywhere is known; the state before it is continued, and said."""

import errno
import resource
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from brnb.train import sealed
from brnb.train.checkpoint import Checkpoint

CPU = torch.device("cpu")
CONTENT = bytes(range(256)) * 3


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sealed") / "file"
    sealed.write(path, lambda stream: stream.write(CONTENT))
    return path


def is_whole(path):
    try:
        with sealed.reading(path) as stream:
            return stream.read(len(CONTENT)) == CONTENT
    except sealed.DamagedError as error:
        return str(path) not in str(error)


def test_a_file_ends_with_the_hash_that_sha256sum_gives(file):
    expected = b"f3a25aa93aa2fbba28d79260535bbd6a5eb0fc1c24a8b0f04e12b484c1dfe363"
    assert file.read_bytes() == CONTENT + b"\nsha256 " + expected + b"\n"


@given(st.integers(0, 8 * (len(CONTENT) + 73) - 1))
def test_a_flipped_bit_is_found_wherever_it_is(file, bit):
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    damaged = file.with_name("flipped")
    damaged.write_bytes(data)
    assert not is_whole(damaged)


def test_a_file_cut_at_any_byte_is_found(file):
    data, cut = file.read_bytes(), file.with_name("cut")
    for size in range(len(data)):
        cut.write_bytes(data[:size])
        assert not is_whole(cut), size
    assert is_whole(file)


def save(checkpoint, *values):
    for value in values:
        checkpoint.save({"model": {"w": torch.full((4,), float(value))}, "step": value})
        checkpoint.wait()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "zeros"])
def test_a_damaged_state_is_never_continued_but_the_one_before(damage, tmp_path, capsys):
    saved = Checkpoint(tmp_path, "a")
    save(saved, 1, 2)
    spoil(saved.path, damage)
    again = Checkpoint(tmp_path, "a")
    assert again.load(CPU)["step"] == 1
    said = capsys.readouterr().out
    assert f"{saved.path} is damaged" in said
    assert "continuing from a.previous.pt" in said
    save(again, 2)  # and the damaged one does not take the good one's place
    saved.path.unlink()
    assert Checkpoint(tmp_path, "a").load(CPU)["step"] == 1


def test_without_a_whole_state_a_training_starts_anew_and_says_so(tmp_path, capsys):
    saved = Checkpoint(tmp_path, "a")
    save(saved, 1, 2)
    for path in (saved.path, saved.previous):
        spoil(path, "cut")
    assert Checkpoint(tmp_path, "a").load(CPU) is None
    assert "starting anew" in capsys.readouterr().out


def test_a_kill_between_the_two_renamings_leaves_the_state_before(tmp_path):
    saved = Checkpoint(tmp_path, "a")
    save(saved, 1)
    saved.path.rename(saved.previous)
    assert Checkpoint(tmp_path, "a").load(CPU)["step"] == 1


def spoil(path, damage):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    content = {"flip": data, "cut": data[:100], "empty": b"", "zeros": bytes(len(data))}
    path.write_bytes(content[damage])


@contextmanager
def files_of_at_most(size):
    """As on a full disk, writing fails after so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 100, 4096, 40_000])
def test_a_disk_that_fills_up_names_the_file_and_takes_nothing_away(size, tmp_path):
    saved = Checkpoint(tmp_path, "a")
    save(saved, 1)
    with files_of_at_most(size):
        saved.save({"model": {"w": torch.zeros(20_000)}, "step": 2})
        with pytest.raises(OSError, match=r"a\.pt") as caught:
            saved.wait()
    assert caught.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    assert Checkpoint(tmp_path, "a").load(CPU)["step"] == 1
    save(saved, 3)
    assert Checkpoint(tmp_path, "a").load(CPU)["step"] == 3
