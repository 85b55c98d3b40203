"""Receipts: whole or absent, and files compared with what they list."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys

import pytest

from brnb import atomic, receipt
from brnb.pipeline import Pipeline


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "receipt.json"
    atomic.write_atomic(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        atomic.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["receipt.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
from brnb import atomic
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
atomic.write_atomic(Path(sys.argv[1]), "new")
"""


def test_what_a_killed_write_left_is_swept_and_nothing_else(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep/receipt.json"
    atomic.write_atomic(path, "old")
    (tmp_path / ".gitignore").write_text("*")
    (tmp_path / ".cafe.01234567x").write_text("")
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "deep").iterdir())) == 2
    (left,) = atomic.sweep_partials(tmp_path)
    assert left.name.startswith(".receipt.json.")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [
        *(".cafe.01234567x", ".gitignore", "receipt.json"),
    ]
    assert path.read_text() == "old"


OUT_OF_ROOM = """
import resource, signal, sys
import numpy as np
from safetensors.numpy import save_file
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # ends the process in the middle of its write
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
save_file({"w": np.zeros(1000)}, sys.argv[1])
"""


def test_what_safetensors_left_when_it_was_killed_is_swept(tmp_path):
    path = tmp_path / "model.safetensors"
    done = subprocess.run([sys.executable, "-c", OUT_OF_ROOM, str(path)], check=False)
    assert done.returncode == -signal.SIGXFSZ
    assert len(list(tmp_path.iterdir())) == 1
    atomic.sweep_partials(tmp_path)
    assert list(tmp_path.iterdir()) == []


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


@pytest.fixture
def written(project, run_chapter):
    run_chapter("first")
    return project / "reports/smoke/runs/first/receipt.json"


def test_a_receipt_without_a_seal_is_read_but_makes_its_run_stale(project, written):
    content = json.loads(written.read_text())
    assert receipt.read_receipt(written).seal == content.pop("seal")
    written.write_text(json.dumps(content))
    assert receipt.read_receipt(written).seal is None
    assert "no seal" in Pipeline("smoke", project).status_of("first").why


@pytest.mark.parametrize(
    ("name", "value"),
    [("metrics", {"length": 4}), ("state", "failed"), ("artefacts", {}), ("seconds", 1.0)],
)
def test_an_edited_receipt_is_not_believed(project, written, name, value):
    content = json.loads(written.read_text())
    written.write_text(json.dumps(content | {name: value}))
    found = Pipeline("smoke", project).status_of("first")
    assert found.state == "stale"
    assert "receipt.json: not a valid receipt" in found.why


def test_the_receipt_of_another_run_is_not_believed(project, written, run_chapter):
    run_chapter("second")
    other = written.parents[1] / "second/receipt.json"
    other.write_bytes(written.read_bytes())
    found = Pipeline("smoke", project).status_of("second")
    assert (found.state, "it is of first in profile smoke" in found.why) == ("stale", True)


@pytest.mark.parametrize("mask", [0o077, 0o027, 0o002])
def test_files_have_the_mode_that_the_umask_asks_for(tmp_path, mask):
    before = os.umask(mask)
    try:
        atomic.write_atomic(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_disk_that_is_full_is_told_with_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*receipt\.json"):
        atomic.write_atomic(tmp_path / "receipt.json", "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["[]", "null", '{"a": 1}', "[" * 100_000])
def test_a_memory_of_another_shape_is_none(tmp_path, text):
    file, memory = tmp_path / "a", tmp_path / "hashes.json"
    file.write_text("abcd")
    memory.write_text(text)
    assert receipt.Verifier(memory).problem(file, receipt.describe(file)) is None


def test_a_verifier_looks_though_it_cannot_remember(tmp_path, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(atomic, "write_atomic", read_only)
    receipt.Verifier(tmp_path / "hashes.json").save()
