"""A thesis killed in the middle of a training, and a kernel that outlives its papermill."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from mini_project import states
from thesis_copy import ENVIRONMENT, call

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@pytest.fixture
def project(executed, tmp_path):
    """A copy of the executed thesis."""
    return shutil.copytree(executed, tmp_path / "project")


def wait_for(condition):
    """Look until it holds; for ten minutes, since a busy machine is slow to start a kernel."""
    deadline = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kernel_of(project):
    """Process of the kernel that executes v1."""
    return json.loads((project / "reports/smoke/runs/v1/started.json").read_text())["pid"]


def receipt_of(project):
    return json.loads((project / "reports/smoke/runs/v1/receipt.json").read_text())


def times_of_receipts(project):
    """When each run but v1 was done."""
    paths = (project / "reports/smoke/runs").glob("*/receipt.json")
    return {p.parent.name: p.stat().st_mtime_ns for p in paths if p.parent.name != "v1"}


def test_a_killed_thesis_goes_on_where_it_was_and_ends_with_the_same_bits(executed, project):
    for folder in ("reports/smoke/runs/v1", "work/smoke/v1"):
        shutil.rmtree(project / folder)
    before = times_of_receipts(project)
    running = subprocess.Popen(
        ["snakemake"], cwd=project, env=ENVIRONMENT, start_new_session=True, **QUIET
    )
    try:
        wait_for(lambda: list((project / "work/smoke/v1/checkpoints").glob("*.pt")))
        time.sleep(0.5)
        kernel = kernel_of(project)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
    os.kill(kernel, signal.SIGKILL)  # it has a process group of its own
    running.wait()
    state, why = states(project)["v1"]
    assert state == "failed"
    assert "kernel died" in why

    # Of v1 alone: until it is there again, with the same result, what rests on it is not done.
    again = call(project, "snakemake", "work/smoke/done/v1", timeout=5400)
    assert again.returncode == 0, again.stderr[-3000:]
    assert {state for state, _ in states(project).values()} == {"done"}
    assert times_of_receipts(project) == before
    whole, pieced = receipt_of(executed), receipt_of(project)
    assert pieced["resources"]["interruptions"] == 1
    assert pieced["resources"]["earlier_seconds"] > 0
    assert pieced["metrics"] == whole["metrics"]
    same = ("runs/v1/model.safetensors", "figures/fig-v1-loss.pdf", "tables/tab-v1-samples.csv")
    for path in same:
        assert pieced["artefacts"][path] == whole["artefacts"][path]


def test_an_orphaned_kernel_keeps_its_run_to_itself(project):
    values = project / "params/smoke/v1.yaml"
    values.write_text(values.read_text() + "tokens: 100000000\n")
    run = ["papermill", "notebooks/04_v1_char_rnn.ipynb", "v1.ipynb", "-f", "params/smoke/v1.yaml"]
    orphan = subprocess.Popen(run, cwd=project, env=ENVIRONMENT, **QUIET)
    try:
        wait_for((project / "reports/smoke/runs/v1/started.json").exists)
        assert "running now: pid" in states(project)["v1"][1]
        second = call(project, *run)
        assert second.returncode != 0
        assert "is already being executed by pid" in second.stderr
    finally:
        for note in (project / "reports/smoke/runs/v1").glob("started.json"):
            os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
        orphan.terminate()
        orphan.wait(timeout=600)
