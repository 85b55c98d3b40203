"""Clocks that jump, hours that pass, two machines on one folder, numbers that are none."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from faults_environment import ENVIRONMENT
from mini_project import write_notebook
from tiny_training import TRAIN, VALIDATION, prepare

from brnb import receipt
from brnb.locks import lock_holder
from brnb.pipeline import Pipeline
from brnb.text.reader import Quarantine, read_documents
from brnb.train import device, progress
from brnb.train.checkpoint import Checkpoint
from brnb.train.loop import train


def test_a_clock_that_is_moved_back_between_two_runs(project, run_chapter, monkeypatch, tally):
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="seconds")
    with monkeypatch.context() as future:
        future.setattr(receipt, "now", lambda: ahead)
        assert run_chapter("first")["receipt"].started == ahead
    run_chapter("second")
    states = {s.run: s.state for s in Pipeline("smoke", project).status()}
    tally("clock moved back between two runs", lost=set(states.values()) != {"done"})
    assert states == {"first": "done", "second": "done"}


class FakeClock:
    """Every look at it finds a minute gone."""

    now = 0.0

    def __call__(self):
        self.now += 60.0
        return self.now


def test_hours_of_training_are_saved_in_time(monkeypatch, tmp_path, tally):
    """A state every four minutes of a clock by which every look takes one."""
    clock, saves = FakeClock(), []
    monkeypatch.setattr(progress.time, "perf_counter", clock)
    monkeypatch.setattr(device.time, "perf_counter", clock)
    save = Checkpoint.save
    monkeypatch.setattr(Checkpoint, "save", lambda *a: (saves.append(clock.now), save(*a))[1])
    model, params = prepare("v6", checkpoint_seconds=240.0, evaluate_every=12)
    history = train(model, TRAIN, VALIDATION, params, tmp_path, "data")
    longest = max(np.diff([0.0, *saves]))
    tally("hours of a fake clock, saved in time", lost=longest > 480 or len(saves) < 3)
    assert longest <= 480  # four minutes, and the step in which they end
    assert len(saves) >= 3
    assert history.spent > 600
    assert history.tokens == params.tokens


NODE = """
import platform, sys
from pathlib import Path
platform.node = lambda: "machine-b"
from brnb.locks import hold_lock
hold_lock(Path(sys.argv[1]), "run first"); print("held", flush=True); sys.stdin.read()
"""


def test_two_machines_on_one_folder_never_execute_one_run_twice(project, run_chapter, tally):
    """The other machine: a process that sees other process numbers, where that is permitted."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--uts"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        apart = []
    lock = project / "work/smoke/first/lock"
    command = [*apart, sys.executable, "-c", NODE, str(lock)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=ENVIRONMENT, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RuntimeError, match=r"executed by pid .* on machine-b"):
            run_chapter("first")
        assert "machine-b" in Pipeline("smoke", project).status_of("first").why
        other.stdin.close()
    tally("two machines on one folder", lost=lock_holder(lock) is not None)
    assert run_chapter("first")["receipt"].state == "done"


def test_no_number_in_the_data_goes_to_quarantine(tmp_path, tally):
    path = tmp_path / "a.jsonl"
    rows = [{"text": float("nan")}, {"text": "um texto"}, {"text": [float("inf")]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Quarantine(tmp_path / "bad.jsonl", 1.0) as quarantine:
        options = {"documents": None, "seed": 0, "quarantine": quarantine}
        texts = [d.text for d in read_documents(str(path), **options)]
    tally("a NaN in the data", lost=texts != ["um texto"])
    assert texts == ["um texto"]
    assert quarantine.malformed == 2


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')"])
def test_no_number_as_a_metric_is_told_at_once_with_its_name(project, value, run_chapter, tally):
    code = "import brnb\nfrom mini_schema import MiniParams\n#%%\n"
    code += 'run = brnb.open_run("01_first", MiniParams, globals())\n'
    code += f"run.metric('loss', {value})"
    values = {"profile": "smoke", "run_id": "first", "seed": 1, "lang": "pt", "price_list": "x"}
    write_notebook(project / "notebooks/01_first.ipynb", code, values)
    with pytest.raises(ValueError, match=r"loss = (nan|inf)"):
        run_chapter("first")
    tally("a NaN as a metric", lost=False)
