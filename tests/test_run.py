"""The life of a run: opened, closed, verified, made stale by exactly what concerns it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from mini_project import execute, execute_edited, states, write_notebook

from brnb import cli
from brnb.locks import LockedError, release_lock
from brnb.params import ParameterError
from brnb.run import RunError


def test_a_run_that_is_closed_is_done(done):
    assert states(done) == {"first": ("done", ""), "second": ("done", "")}


def test_the_receipt_says_what_was_run(done):
    found = json.loads((done / "reports/smoke/runs/first/receipt.json").read_text())
    assert (found["run"], found["notebook"], found["state"]) == ("first", "01_first", "done")
    assert found["params"]["price_list"] == "vast_ai_p25"
    assert found["metrics"] == {"length": 3}
    assert list(found["artefacts"]) == ["runs/first/text.txt"]
    assert found["provenance"]["packages"]["numpy"]
    assert found["resources"]["peak_memory"] > 10**6
    assert "CPU time has no price" in found["resources"]["no_price"]
    assert "brnb.text.clean" in found["code"]
    assert not (done / "reports/smoke/runs/first/started.json").exists()


def test_numbers_are_gathered_for_latex(done):
    assert r"\brnbdefine{first.length}{3,14}" in (done / "reports/smoke/numbers.tex").read_text()


def test_an_unknown_parameter_stops_the_second_cell(project, run_chapter):
    with pytest.raises(ParameterError, match="did you mean price_list"):
        run_chapter("first", pricelist="x")
    assert not (project / "reports").exists()


def test_what_differs_from_the_defaults_is_recorded(project, run_chapter, capsys):
    receipt = run_chapter("first", seed=7)["receipt"]
    assert receipt.defaults_changed == {"seed": 7}
    assert "diferem do caderno: seed = 7" in capsys.readouterr().out


def test_a_parameter_that_nobody_reads_is_reported(project, capsys):
    code = "import brnb\nfrom mini_schema import MiniParams\n#%%\n"
    code += 'run = brnb.open_run("01_first", MiniParams, globals())\nreceipt = run.close()'
    values = {"profile": "smoke", "run_id": "first", "seed": 1, "lang": "pt", "price_list": "x"}
    write_notebook(project / "notebooks/01_first.ipynb", code, values)
    assert execute(project / "notebooks/01_first.ipynb")["receipt"].unread == ["price_list"]
    assert "o parâmetro price_list foi dado e ninguém o leu" in capsys.readouterr().out


def test_parameters_make_stale_the_run_and_what_needs_it(done):
    (done / "params/smoke/first.yaml").write_text("profile: smoke\nrun_id: first\nseed: 2\n")
    assert states(done) == {
        "first": ("stale", "parameter changed: seed"),
        "second": ("stale", "needs first, which is not done"),
    }


def test_prose_and_format_make_nothing_stale_but_code_does(done):
    path = done / "notebooks/02_second.ipynb"
    text = path.read_text()
    path.write_text(
        text.replace("# Prosa", "# Outra prosa").replace("half_up(0.705)", "half_up( 0.705 )")
    )
    assert states(done)["second"][0] == "done"
    path.write_text(text.replace("half_up(0.705)", "half_up(0.715)"))
    assert states(done) == {"first": ("done", ""), "second": ("stale", "code changed: notebook")}


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text(path.read_text()[:-1]), "truncated"),
        (lambda path: path.write_text(path.read_text().upper()), "altered"),
    ],
)
def test_a_damaged_artefact_makes_stale_and_stops_who_needs_it(done, run_chapter, damage, word):
    damage(done / "reports/smoke/runs/first/text.txt")
    state, why = states(done)["first"]
    assert state == "stale"
    assert "artefact runs/first/text.txt" in why
    assert word in why
    with pytest.raises(
        RunError, match=rf"text\.txt of first is {word}.*papermill notebooks/01_first"
    ):
        run_chapter("second")


def test_a_rerun_with_the_same_result_leaves_dependants_done(done, run_chapter):
    run_chapter("first")
    assert states(done)["second"][0] == "done"


def test_a_missing_upstream_run_names_the_command(project, run_chapter):
    with pytest.raises(RunError, match=r"papermill notebooks/01_first\.ipynb .*first\.yaml"):
        run_chapter("second")


def test_an_upstream_run_that_is_not_declared_is_refused(done, run_chapter):
    (done / "params/pipeline.yaml").write_text(
        "runs:\n  first: {notebook: 01_first}\n  second: {notebook: 02_second}\n"
    )
    with pytest.raises(RunError, match="add first to the needs of second"):
        run_chapter("second")


def test_a_run_that_was_begun_and_not_closed_has_failed(done, run_chapter, project):
    path = project / "notebooks/01_first.ipynb"
    path.write_text(path.read_text().replace("receipt = run.close()", "1 / 0"))
    with pytest.raises(ZeroDivisionError):
        run_chapter("first")
    release_lock(done / "work/smoke/first/lock")  # as the end of its process does
    state, why = states(done)["first"]
    assert state == "failed"
    assert "its kernel died" in why


@pytest.mark.parametrize("text", ["", "{", "null"])
def test_a_truncated_receipt_is_stale(done, text):
    (done / "reports/smoke/runs/first/receipt.json").write_text(text)
    state, why = states(done)["first"]
    assert state == "stale"
    assert "not a valid receipt" in why


def test_cells_that_the_saved_notebook_lacks_make_the_run_stale(project, capsys):
    execute_edited(project / "notebooks/01_first.ipynb", "42", "43")
    assert "reinicie o kernel" in capsys.readouterr().out
    state, why = states(project)["first"]
    assert state == "stale"
    assert "1 executed cells are not in the saved notebook" in why


def test_file_times_do_not_count(done, tmp_path_factory):
    copy = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(
        done, copy, ignore=shutil.ignore_patterns("work"), copy_function=shutil.copyfile
    )
    for number, path in enumerate(sorted(copy.rglob("*"), reverse=True)):
        os.utime(path, (10**9 + number, 10**9 + number))
    assert {state for state, _ in states(copy).values()} == {"done"}


def test_two_processes_cannot_execute_the_same_run(project, run_chapter):
    holder = "import sys; from pathlib import Path; from brnb.locks import hold_lock\n"
    holder += (
        "hold_lock(Path('work/smoke/first/lock'), 'x'); print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match=f"already being executed by pid {other.pid}"):
        run_chapter("first")
    assert states(project)["first"] == ("missing", f"running now: {states_holder(project)}")
    other.kill()  # a dead holder holds nothing
    other.wait()
    assert run_chapter("first")["receipt"].state == "done"


def states_holder(project):
    return (project / "work/smoke/first/lock").read_text().strip()


def test_status_as_json(done, capsys):
    assert cli.main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(s["run"], s["notebook"], s["state"]) for s in found] == [
        ("first", "01_first", "done"),
        ("second", "02_second", "done"),
    ]
    assert found[1]["metrics"] == {"rounded": 0.71}
    assert set(found[0]) == {"run", "notebook", "state", "why", "seconds", "metrics"}


def test_status_of_one_run_fails_unless_it_is_done(project, run_chapter, capsys):
    assert cli.main(["status", "--run", "first"]) == 1
    run_chapter("first")
    assert cli.main(["status", "--run", "first"]) == 0
    assert cli.main(["status", "--run", "frist"]) == 2
    assert cli.main(["status", "--profile", "smok"]) == 2
    assert "did you mean smoke?" in capsys.readouterr().err
