"""A kernel killed in the middle of a training cell: not done, resumed, the same to the bit."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from thesis_copy import ENVIRONMENT, call

pytestmark = pytest.mark.xdist_group("thesis")  # executed once, in one process

RUN = ["papermill", "notebooks/04_v1_char_rnn.ipynb", "v1.ipynb", "-f", "params/smoke/v1.yaml"]


def status(project):
    return {s["run"]: s for s in json.loads(call(project, "brnb", "status", "--json").stdout)}


@pytest.fixture
def killed(thesis, tmp_path):
    """A copy of the thesis whose v1 was killed with SIGKILL after some steps."""
    project = tmp_path / "project"
    shutil.copytree(thesis, project)
    for folder in ("reports/smoke/runs/v1", "work/smoke/v1"):
        shutil.rmtree(project / folder)
    values = project / "params/smoke/v1.yaml"
    values.write_text(values.read_text() + "checkpoint_seconds: 0.0\n")
    running = subprocess.Popen(
        RUN, cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoints = project / "work/smoke/v1/checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("*.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    started = json.loads((project / "reports/smoke/runs/v1/started.json").read_text())
    os.kill(started["pid"], signal.SIGKILL)
    assert running.wait(timeout=60) != 0
    return project


def test_a_killed_training_is_not_done_and_resumes_to_the_same_bits(thesis, killed):
    state = status(killed)["v1"]
    assert state["state"] == "failed"
    assert "kernel died" in state["why"]

    done = call(killed, *RUN)
    assert done.returncode == 0, done.stderr[-3000:]
    whole = json.loads((thesis / "reports/smoke/runs/v1/receipt.json").read_text())
    pieced = json.loads((killed / "reports/smoke/runs/v1/receipt.json").read_text())
    assert pieced["resources"]["interruptions"] == 1
    assert pieced["resources"]["earlier_seconds"] > 0
    assert pieced["metrics"] == whole["metrics"]
    same = ("runs/v1/model.safetensors", "figures/fig-v1-loss.pdf", "tables/tab-v1-samples.csv")
    for path in same:
        assert pieced["artefacts"][path] == whole["artefacts"][path]


def test_an_orphaned_kernel_keeps_its_run_to_itself(thesis, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(thesis, project)
    values = project / "params/smoke/v1.yaml"
    values.write_text(values.read_text() + "tokens: 100000000\n")
    orphan = subprocess.Popen(
        RUN, cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not (project / "reports/smoke/runs/v1/started.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "running now: pid" in status(project)["v1"]["why"]
        second = call(project, *RUN)
        assert second.returncode != 0
        assert "is already being executed by pid" in second.stderr
    finally:
        for started in (project / "reports/smoke/runs/v1").glob("started.json"):
            os.kill(json.loads(started.read_text())["pid"], signal.SIGKILL)
        orphan.terminate()
        orphan.wait(timeout=60)


def test_a_killed_snakemake_goes_on_where_it_was(thesis, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(thesis, project)
    shutil.rmtree(project / "reports/smoke/runs/v1")
    shutil.rmtree(project / "work/smoke/v1")
    before = (project / "reports/smoke/runs/tokenizer/receipt.json").stat().st_mtime_ns
    running = subprocess.Popen(
        ["snakemake"],
        cwd=project,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (project / "reports/smoke/runs/v1/started.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kernel = json.loads((project / "reports/smoke/runs/v1/started.json").read_text())["pid"]
    os.killpg(running.pid, signal.SIGKILL)
    os.kill(kernel, signal.SIGKILL)  # it has a process group of its own
    running.wait()

    assert status(project)["v1"]["state"] == "failed"
    again = call(project, "snakemake", timeout=300)
    assert again.returncode == 0, again.stderr[-3000:]
    assert {s["state"] for s in status(project).values()} == {"done"}
    assert (project / "reports/smoke/runs/tokenizer/receipt.json").stat().st_mtime_ns == before
