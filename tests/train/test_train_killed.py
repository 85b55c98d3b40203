"""kill -9 at random steps, resume: every version's model ends with the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import FORMS


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder with what every form left, trained whole and in pieces."""
    folder = tmp_path_factory.mktemp("killed")
    tests = Path(__file__).parents[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tests.parent)}
    command = [sys.executable, str(tests / "small/dying_process.py"), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-20000:]
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_a_training_killed_at_random_steps_ends_with_the_same_bits(form, trained):
    whole, pieces = (
        json.loads((trained / form / name / "left.json").read_text())
        for name in ("whole", "pieces")
    )
    assert whole.pop("interruptions") == 0
    assert pieces.pop("interruptions") > 0
    assert pieces == whole
