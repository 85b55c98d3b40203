"""Receipts: whole or absent, and files compared with what they list."""

import hashlib
import os

import pytest

from brnb import receipt


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "receipt.json"
    receipt.write_atomic(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        receipt.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["receipt.json"]


def test_describe_is_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"ol\xc3\xa1")
    found = receipt.describe(tmp_path / "a")
    assert (found.bytes, found.sha256) == (4, hashlib.sha256("olá".encode()).hexdigest())


@pytest.mark.parametrize(
    ("content", "word"),
    [("abcd", None), ("abc", "truncated"), ("abcde", "altered"), ("abcx", "SHA")],
)
def test_verifier_tells_what_happened_to_a_file(tmp_path, content, word):
    file, memory = tmp_path / "a", tmp_path / "hashes.json"
    file.write_text("abcd")
    listed = receipt.describe(file)
    verifier = receipt.Verifier(memory)
    assert verifier.problem(file, listed) is None
    verifier.save()
    file.write_text(content)
    os.utime(file, ns=(1, 1))  # an old time does not excuse another content
    problem = receipt.Verifier(memory).problem(file, listed)
    assert (problem is None) if word is None else (word in problem)


def test_verifier_misses_nothing_when_its_memory_is_damaged(tmp_path):
    file, memory = tmp_path / "a", tmp_path / "hashes.json"
    file.write_text("abcd")
    memory.write_text('{"trunc')
    assert receipt.Verifier(memory).problem(file, receipt.describe(file)) is None
    assert receipt.Verifier(memory).problem(tmp_path / "b", receipt.describe(file)) == "missing"


@pytest.mark.parametrize("text", ["", '{"run": "v1"', '{"run": "v1"}', "[]"])
def test_a_damaged_receipt_is_named(tmp_path, text):
    path = tmp_path / "receipt.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"receipt\.json: not a valid receipt"):
        receipt.read_receipt(path)
