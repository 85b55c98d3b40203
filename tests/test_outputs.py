"""A finished run holds until the next has finished: what stops a rerun takes nothing away."""

import errno
import json
import os

import pytest

from brnb.locks import release_lock
from brnb.pipeline import Pipeline
from brnb.run import RunError


def state(project, run="first"):
    return Pipeline("smoke", project).status_of(run)


def stop_in_the_middle(project, run_chapter):
    """Execute the first chapter until its second cell, in which it has written its artefact."""
    path = project / "notebooks/01_first.ipynb"
    saved = path.read_text()
    cells = json.loads(saved)
    cells["cells"][3]["source"] += "\nraise KeyboardInterrupt"
    path.write_text(json.dumps(cells))
    try:
        with pytest.raises(KeyboardInterrupt):
            run_chapter("first")
    finally:
        path.write_text(saved)
    die(project)


def die(project):
    """What the end of its process does to a run."""
    release_lock(project / "work/smoke/first/lock")


def test_an_interrupted_rerun_leaves_the_finished_run_done(done, run_chapter):
    files = [p for p in (done / "reports/smoke/runs").rglob("*") if p.is_file()]
    before = {path: path.read_bytes() for path in files}
    stop_in_the_middle(done, run_chapter)
    assert {path: path.read_bytes() for path in files} == before
    found = state(done)
    assert found.state == "done"
    assert found.why.endswith("or out of memory); the result of before holds")
    assert state(done, "second").state == "done"
    assert run_chapter("first")["receipt"].state == "done"
    assert state(done).why == ""


def test_an_interrupted_rerun_of_a_stale_run_has_failed(done, run_chapter):
    (done / "params/smoke/first.yaml").write_text("profile: smoke\nrun_id: first\nseed: 2\n")
    path = done / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace("receipt = run.close()", "1 / 0"))
    with pytest.raises(ZeroDivisionError):
        run_chapter("first", seed=2)
    die(done)
    assert state(done).state == "failed"


def test_what_an_interrupted_run_left_is_no_artefact_of_the_next(done, run_chapter):
    stop_in_the_middle(done, run_chapter)
    (aside,) = (done / "reports/smoke/.unfinished").iterdir()
    (aside / "runs/first/leftover.txt").write_text("half")
    assert list(run_chapter("first")["receipt"].artefacts) == ["runs/first/text.txt"]
    assert not aside.exists()


def test_files_that_only_the_old_receipt_lists_are_removed(done, run_chapter):
    path = done / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace("text.txt", "other.txt"))
    run_chapter("first")
    names = {p.name for p in (done / "reports/smoke/runs/first").iterdir()}
    assert names == {"receipt.json", "other.txt"}


def test_a_power_cut_between_two_renames_is_seen(done, run_chapter, monkeypatch):
    replace = os.replace

    def fail_at_the_receipt(source, target):
        if str(target).endswith("first/receipt.json"):
            raise OSError("power cut")
        replace(source, target)

    path = done / "notebooks/01_first.ipynb"
    saved = path.read_text()
    path.write_text(saved.replace("42", "43!"))
    monkeypatch.setattr(os, "replace", fail_at_the_receipt)
    with pytest.raises(OSError, match="power cut"):
        run_chapter("first")
    path.write_text(saved)
    die(done)
    assert state(done).state == "failed"  # neither the old result nor the new one is whole


def test_a_run_is_closed_once(project, run_chapter):
    run = run_chapter("first")["run"]
    with pytest.raises(RunError, match="first is closed: Run All opens it again"):
        run.close()


@pytest.mark.parametrize("note", ["null", "[]", '"x"', "{", "", "[" * 100_000])
def test_a_damaged_note_of_a_start_stops_nobody(done, note):
    (done / "reports/smoke/runs/first/started.json").write_text(note)
    assert state(done).state == "done"
    assert state(done, "second").state == "done"


def test_a_full_disk_still_tells_how_a_run_failed(done, run_chapter, monkeypatch):
    (done / "params/smoke/first.yaml").write_text("profile: smoke\nrun_id: first\nseed: 2\n")
    path = done / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace("receipt = run.close()", "receipt = 0"))
    run = run_chapter("first", seed=2)["run"]

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("brnb.atomic.write_atomic", full)
    run._failed("OSError: no space left for model.safetensors " + "ç" * 10_000)
    die(done)
    found = state(done)
    assert found.state == "failed"
    assert "no space left for model.safetensors" in found.why
    assert (done / "reports/smoke/runs/first/started.json").stat().st_size == 4097
