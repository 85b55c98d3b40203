"""What was read is remembered, and the memory never stands for other bytes or another reader."""

import pytest

from brnb import fingerprint
from brnb.readings import Readings


@pytest.fixture
def reader(tmp_path):
    """The source file of what reads."""
    path = tmp_path / "reader.py"
    path.write_text("read = len")
    return path


@pytest.fixture
def recall(tmp_path, reader):
    """``recall(b"abc")`` as a new process does it: the value, and whether it was read."""

    def process(content, name="a"):
        readings, reads = Readings(tmp_path / "memory", [reader]), []
        value = readings.recall(name, content, lambda: reads.append(1) or [len(content), "\ud800"])
        readings.save()
        return value, bool(reads)

    return process


def test_the_same_bytes_are_read_once(recall):
    assert recall(b"abc") == ([3, "\ud800"], True)
    assert recall(b"abc") == ([3, "\ud800"], False)
    assert recall(b"abc", "b") == ([3, "\ud800"], True)
    assert recall(b"abc") == ([3, "\ud800"], False)


def test_other_bytes_and_another_reader_read_anew(recall, reader):
    recall(b"abc")
    assert recall(b"abd") == ([3, "\ud800"], True)
    reader.write_text("read = sum")
    assert recall(b"abd") == ([3, "\ud800"], True)


def test_a_memory_with_any_bit_flipped_is_not_believed(recall, tmp_path):
    recall(b"abc")
    memory = tmp_path / "memory"
    whole = memory.read_bytes()
    for place in range(len(whole)):
        memory.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert recall(b"abc") == ([3, "\ud800"], True)
        assert memory.read_bytes() == whole
    memory.write_bytes(whole[:-1])
    assert recall(b"abc") == ([3, "\ud800"], True)


def test_where_nothing_can_be_kept_all_is_read(recall, tmp_path):
    (tmp_path / "memory").mkdir()
    assert recall(b"abc") == recall(b"abc") == ([3, "\ud800"], True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memory", "reader.py"]


def test_what_fails_is_not_remembered(tmp_path, reader):
    readings = Readings(tmp_path / "memory", [reader])
    with pytest.raises(ZeroDivisionError):
        readings.recall("a", b"abc", lambda: 1 // 0)
    assert readings.recall("a", b"abc", lambda: 1) == 1


def test_a_module_counts_as_it_is_now(tmp_path):
    file = tmp_path / "x.py"
    hashes = []
    for content in ("x = 1", "x = 1  # a comment", "x = 2", "x = 1"):
        file.write_text(content)
        hashes.append(fingerprint._read_module("brnb.x", file, len(hashes)).meaning)
    assert hashes[0] == hashes[1] == hashes[3] != hashes[2]
    assert hashes[0] == fingerprint.digest(fingerprint.normalise("x = 1"))
