"""SIGKILL at random moments of every stage, and of Snakemake: resumed, the same bits."""

import json
import random
import shutil
import subprocess
import sys
import time

import pytest
from faults_environment import ENVIRONMENT, IS_LONG, TESTS

from brnb.pipeline import Pipeline


def test_every_stage_ends_with_the_same_bits(tally, kills, tmp_path):
    command = [sys.executable, str(TESTS / "small/kill_stages.py"), str(tmp_path), str(kills)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=7200)
    assert done.returncode == 0, done.stderr[-5000:]
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(stages) == 9
    for stage in stages:
        tally(f"SIGKILL during {stage['stage']}", stage["lost"], stage["tried"])
        assert stage["files"] > 0
        assert stage["lost"] == 0, stage


@pytest.mark.skipif(not IS_LONG, reason="minutes: make drill")
def test_snakemake_killed_at_random_moments_goes_on(tally, kills, project):
    shutil.copy(TESTS.parent / "Snakefile", project / "Snakefile")
    shutil.copytree(TESTS.parent / "profiles", project / "profiles")
    chance = random.Random(7)
    command = ["snakemake", "--cores", "2"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    hits = 0
    for _ in range(max(kills // 10, 2)):
        shutil.rmtree(project / "reports", ignore_errors=True)
        with subprocess.Popen(
            command, cwd=project, env=ENVIRONMENT, start_new_session=True, **quiet
        ) as main:
            time.sleep(chance.uniform(3, 30))
            hits += main.poll() is None
            main.kill()  # Snakemake alone: its children live on; unless it ended before
        states = {s.run: s.state for s in Pipeline("smoke", project).status()}
        for run, state in states.items():  # never done without a receipt
            receipt = project / f"reports/smoke/runs/{run}/receipt.json"
            assert state != "done" or receipt.is_file()
        wait_for_orphans(project)
        done = subprocess.run(command, cwd=project, env=ENVIRONMENT, capture_output=True, text=True)
        lost = {s.state for s in Pipeline("smoke", project).status()} != {"done"}
        tally("SIGKILL of Snakemake", lost)
        assert not lost, done.stderr[-3000:]
    assert hits


def wait_for_orphans(project):
    """Chapters whose Snakemake died finish or are refused by the lock; wait until none is left."""
    from brnb.locks import holders

    for _ in range(600):
        if not list(holders(project / "work")):
            return
        time.sleep(0.2)
