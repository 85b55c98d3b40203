"""A disk that is full at every write, and one that is read-only."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import fault_stages
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


@pytest.mark.parametrize("stage", ["chapters", "cleaning", "training", "rendering"])
def test_a_write_that_fails_anywhere_names_the_file_or_loses_nothing(
    stage, tmp_path, tally, kills, capfd
):
    """Files may grow to so many bytes and no further: every size is another write that fails."""
    fault_stages.STAGES[stage](tmp_path / "whole")
    expected = fault_stages.artefacts(tmp_path / "whole")
    pieces = tmp_path / "pieces"
    pieces.mkdir()
    for size in [0, 10, 300, 1000, 3000, 8000, 20_000][: 2 + kills]:
        code = limited(stage, pieces, size)
        tally(f"no room for a byte more during {stage}", lost=code not in (0, 3))
        assert code in (0, 3), capfd.readouterr().err  # done, or an OSError that names a file
    fault_stages.STAGES[stage](pieces)
    assert fault_stages.artefacts(pieces) == expected


def limited(stage: str, folder: Path, size: int) -> int:
    """Run a stage in a fork whose files may have so many bytes; 3 for an error with a file."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            fault_stages.STAGES[stage](folder)
            code = 0
        except OSError as error:
            code = 3 if error.filename or error.errno else 1
        except BaseException as error:
            os.write(2, repr(error).encode())
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
