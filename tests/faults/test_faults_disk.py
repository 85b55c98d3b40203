"""A disk that is full at every write, and one that is read-only."""

import json
import subprocess
import sys

import pytest
from faults_environment import ENVIRONMENT, TESTS

MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]


def can_mount(folder):
    """Whether this process may mount a file system in a namespace of its own."""
    try:
        done = subprocess.run([*MOUNT, f"mount -t tmpfs none {folder}"], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def test_a_disk_that_is_full_or_read_only_loses_nothing(tmp_path, tally):
    if not can_mount(tmp_path):
        pytest.skip("mounting a tmpfs is not permitted here")
    script = f"mount -t tmpfs -o size=2m none {tmp_path}; exec {sys.executable} "
    script += f"{TESTS / 'small/full_disk.py'} {tmp_path}"
    done = subprocess.run([*MOUNT, script], env=ENVIRONMENT, capture_output=True, text=True)
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert done.returncode == 0, done.stderr[-3000:]
    assert said["first"] == "done"
    for kind in ("full", "read-only"):
        expected = {
            "status": "0", "chapters": "OSError", "verify": "0", "report": "2", "kept": "True",
            "empty": "[]", "again": "done", "status again": "0",
        }  # fmt: skip
        found = {step: said.get(f"{kind} {step}") for step in expected}
        tally(f"disk {kind}", sum(found[s] != expected[s] for s in expected), len(expected))
        assert found == expected
    assert "Traceback" not in done.stderr


def test_a_write_that_fails_anywhere_names_the_file_or_loses_nothing(tmp_path, tally, kills):
    """Files may grow to so many bytes and no further: every size is another write that fails."""
    sizes = [0, 10, 300, 1000, 3000, 8000, 20_000][: 2 + kills]
    command = [sys.executable, str(TESTS / "small/full_file.py"), str(tmp_path), *map(str, sizes)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(stages) == 5
    for stage in stages:
        failed = [size for size, code in stage["codes"].items() if code not in (0, 3)]
        tally(f"no room for a byte more during {stage['stage']}", len(failed), len(sizes))
        assert not failed, (stage, done.stderr[-3000:])  # done, or an OSError that names a file
        assert stage["same"], (stage, done.stderr[-3000:])
