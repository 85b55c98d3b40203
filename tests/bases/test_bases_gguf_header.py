"""Headers that the package gguf writes pass; what claims too much is refused before it is read."""

import struct

import gguf
import numpy as np
import pytest

from brnb.bases.gguf_header import require_gguf


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    """A file of every kind of value, without the tensors' own bytes."""
    path = tmp_path_factory.mktemp("gguf") / "a.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("a", 1)
    writer.add_int64("b", -1)
    writer.add_float32("c", 0.5)
    writer.add_bool("d", True)
    writer.add_array("e", ["São", "Paulo"])
    writer.add_array("f", [1, 2, 3])
    writer.add_tensor("w", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return path.read_bytes()


def told(folder, content):
    (folder / "a.gguf").write_bytes(content)
    require_gguf(folder / "a.gguf")


def test_what_gguf_wrote_passes(header, tmp_path):
    told(tmp_path, header)


def test_a_header_that_is_cut_anywhere_is_refused(header, tmp_path):
    length = len(header.rstrip(b"\0")) - 1  # behind it there may be padding
    for end in range(length):
        with pytest.raises(ValueError, match=r"more than its|does not begin"):
            told(tmp_path, header[:end])


def claim(kind, count):
    """A GGUF whose only value is a list of so many of a kind, none of which is there."""
    value = struct.pack("<QsIIQ", 1, b"x", 9, kind, count)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + value


@pytest.mark.parametrize("kind", [0, 8, 9, 12])
@pytest.mark.parametrize("count", [1, 2**20, 2**60])
def test_a_claimed_list_takes_no_time(kind, count, tmp_path):
    with pytest.raises(ValueError, match=r"a list of|more than its"):
        told(tmp_path, claim(kind, count))


@pytest.mark.parametrize(("place", "value"), [(4, 7), (8, 2**62), (16, 2**62)])
def test_other_versions_and_counts_are_refused(header, tmp_path, place, value):
    form = "<I" if place == 4 else "<Q"
    changed = bytearray(header)
    struct.pack_into(form, changed, place, value)
    with pytest.raises(ValueError, match=r"of version 7|more than its|a value of kind|a tensor of"):
        told(tmp_path, bytes(changed))
