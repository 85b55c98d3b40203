"""Locks: looking at them disturbs nobody and needs no right to write."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brnb import locks

HOLD = "import sys; from pathlib import Path; from brnb.locks import hold_lock\n"
HOLD += "hold_lock(Path(sys.argv[1]), 'x'); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def held(tmp_path):
    """A lock that another process holds."""
    path = tmp_path / "work" / "lock"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        yield path
        other.kill()


def test_whoever_holds_a_lock_is_named_with_the_machine(held):
    assert f" on {os.uname().nodename} since " in locks.lock_holder(held)
    (line,) = locks.holders(held.parent)
    assert line.startswith(f"{held} is held by pid ")


def test_make_clean_deletes_nothing_that_a_run_holds(held):
    project = held.parents[1]
    shutil.copy(Path(__file__).parents[1] / "Makefile", project)
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    make = ["make", "--directory", str(project), "clean"]
    refused = subprocess.run(make, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "work/lock is held by pid " in refused.stderr
    assert held.is_file()
    held.rename(project / "lock")  # held by nobody under its name
    assert subprocess.run(make, capture_output=True, check=False).returncode == 0
    assert not held.parent.exists()


def test_a_look_needs_no_right_to_write(held, monkeypatch):
    held.chmod(0o444)
    monkeypatch.setattr(Path, "open", _only_reading(Path.open))
    assert "pid" in locks.lock_holder(held)


def _only_reading(opened):
    def open_(path, mode="r", *arguments, **keywords):
        if mode != "r":
            raise PermissionError(path)
        return opened(path, mode, *arguments, **keywords)

    return open_


def test_a_look_does_not_refuse_a_start(tmp_path, monkeypatch):
    import fcntl

    path = tmp_path / "lock"
    path.touch()
    looking = path.open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("time.sleep", lambda _: looking.close())  # the look is over by then
    locks.hold_lock(path, "run v1")
    assert "pid" in locks.lock_holder(path)
    locks.release_lock(path)
    assert locks.lock_holder(path) is None


def test_a_lock_that_nobody_holds_may_go(tmp_path):
    (tmp_path / "lock").touch()
    assert list(locks.holders(tmp_path)) == []
