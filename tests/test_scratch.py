"""A run by hand destroys nothing: other parameters go to a folder of their own."""

import json

import pytest
from mini_project import execute_edited, states

from brnb.params import ParameterError


def everything(project):
    """All files that the profile's runs left, with their bytes."""
    files = [p for p in (project / "reports/smoke").rglob("*") if p.is_file()]
    return {p: p.read_bytes() for p in files if "scratch" not in p.parts}


def test_other_parameters_leave_the_published_run_alone(done, run_chapter, capsys):
    before = everything(done)
    namespace = run_chapter("first", lang="en", price_list="x")
    assert everything(done) == before
    assert states(done) == {"first": ("done", ""), "second": ("done", "")}
    said = capsys.readouterr().out
    assert "not the run of params/smoke/first.yaml: lang, price_list" in said
    (folder,) = (done / "reports/smoke/scratch").iterdir()
    assert f"reports/smoke/scratch/{folder.name} and replace nothing" in said
    assert (folder / "runs/first/text.txt").read_text() == "x 0"
    assert json.loads((folder / "runs/first/receipt.json").read_text())["params"]["lang"] == "en"
    assert r"\brnbdefine{first.length}{3.14}" in (folder / "numbers.tex").read_text()
    assert namespace["run"].folder == folder / "runs/first"
    assert not (done / "work/smoke/first/scratch").exists()
    assert (done / "work/smoke/scratch" / folder.name / "lock").is_file()


def test_the_same_parameters_meet_again_and_others_do_not(done, run_chapter):
    for values in ({"seed": 2}, {"seed": 2}, {"seed": 3}):
        run_chapter("first", **values)
    assert len(list((done / "reports/smoke/scratch").iterdir())) == 2


def test_downstream_reads_a_scratch_run_only_if_asked(done, run_chapter, monkeypatch, capsys):
    run_chapter("first", price_list="x")
    (folder,) = (done / "reports/smoke/scratch").iterdir()
    before = everything(done)
    assert run_chapter("second")["text"] == "vast_ai_p0 0"
    monkeypatch.setenv("BRNB_SCRATCH", folder.name)
    namespace = run_chapter("second")
    assert namespace["text"] == "x 0"
    assert f"não é a execução de params/smoke/second.yaml: {folder.name}" in capsys.readouterr().out
    assert namespace["run"].folder.is_relative_to(done / "reports/smoke/scratch")
    assert states(done)["second"] == ("done", "")
    assert everything(done).keys() == before.keys()


def test_what_does_not_need_the_scratch_run_is_not_touched_by_it(done, run_chapter, monkeypatch):
    run_chapter("second", seed=5)
    (folder,) = (done / "reports/smoke/scratch").iterdir()
    monkeypatch.setenv("BRNB_SCRATCH", folder.name)
    assert run_chapter("first")["run"].folder == done / "reports/smoke/runs/first"


def test_a_scratch_folder_that_is_not_there_is_named(done, run_chapter, monkeypatch):
    run_chapter("first", seed=2)
    (folder,) = (done / "reports/smoke/scratch").iterdir()
    monkeypatch.setenv("BRNB_SCRATCH", folder.name[:-1])
    with pytest.raises(ParameterError, match=f"did you mean {folder.name}"):
        run_chapter("second")


def test_edited_cells_do_not_replace_a_finished_run(done, run_chapter, capsys):
    before = everything(done)
    execute_edited(done / "notebooks/01_first.ipynb", "42", "43")
    assert everything(done) == before
    assert states(done)["first"] == ("done", "")
    assert "reports/smoke/scratch/first-" in capsys.readouterr().out
