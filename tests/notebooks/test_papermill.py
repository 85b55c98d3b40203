"""papermill as the README tells people to use it: values of every form, in place, side by side."""

import json
import os
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import nbformat
import pytest
from mini_project import write_notebook
from nested_schema import NestedParams
from papermill import inspect_notebook
from thesis_copy import ENVIRONMENT, ROOT, call

from brnb.pipeline import defaults

CODE = """
import brnb
from nested_schema import NestedParams

run = brnb.open_run("01_nested", NestedParams, globals())
#%%
p = run.params
(run.folder / "said.txt").write_text(f"{p.title} {p.share} {p.groups}", encoding="utf-8")
receipt = run.close()
"""
VALUES = {"profile": "smoke", "seed": 1, "lang": "pt", "run_id": "nested"}
VALUES |= {"title": "um", "share": 0.5, "groups": {"a": [1]}}
PYTHONPATH = os.pathsep.join([str(ROOT), str(ROOT / "tests/small")])


@pytest.fixture
def nested(project, monkeypatch) -> Path:
    """A project with one notebook and two runs of it."""
    for file in (*project.glob("notebooks/*"), *project.glob("params/smoke/*")):
        file.unlink()
    notebook = project / "notebooks/01_nested.ipynb"
    write_notebook(notebook, CODE, VALUES, NestedParams)
    declared = "runs:\n  nested: {notebook: 01_nested}\n  other: {notebook: 01_nested}\n"
    (project / "params/pipeline.yaml").write_text(declared)
    for run in ("nested", "other"):
        (project / f"params/smoke/{run}.yaml").write_text(f"profile: smoke\nrun_id: {run}\n")
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", PYTHONPATH)
    return project


def papermill(source: str, run: str, *options: str) -> list[str]:
    values = f"params/smoke/{run}.yaml"
    return ["papermill", source, f"{run}.ipynb", "-f", values, "--no-progress-bar", *options]


def receipt(folder: Path, run: str) -> dict:
    return json.loads((folder / f"runs/{run}/receipt.json").read_text("utf-8"))


def test_values_of_every_form_reach_the_run(nested):
    told = ["-p", "share", "0.25", "-y", '{title: "ação & coração: 50%", groups: {"á": [1, 2]}}']
    done = call(nested, *papermill("notebooks/01_nested.ipynb", "nested", *told))
    assert done.returncode == 0, done.stderr
    (scratch,) = (nested / "reports/smoke/scratch").iterdir()
    result = receipt(scratch, "nested")
    expected = {"title": "ação & coração: 50%", "share": 0.25, "groups": {"á": [1, 2]}}
    assert {name: result["params"][name] for name in expected} == expected
    said = (scratch / "runs/nested/said.txt").read_text("utf-8")
    assert said == "ação & coração: 50% 0.25 {'á': [1, 2]}"


def test_an_executed_notebook_runs_again_in_place(nested):
    for source in ("notebooks/01_nested.ipynb", "nested.ipynb"):
        done = call(nested, *papermill(source, "nested"))
        assert done.returncode == 0, done.stderr
    assert receipt(nested / "reports/smoke", "nested")["unclean"] == []
    cells = nbformat.read(nested / "nested.ipynb", 4).cells
    assert sum("injected-parameters" in cell.metadata.tags for cell in cells) == 1
    assert not any(output.get("name") == "stderr" for c in cells for output in c.get("outputs", ()))


def test_two_runs_of_one_notebook_go_side_by_side(nested):
    environment = ENVIRONMENT | {"PYTHONPATH": PYTHONPATH}
    both = [
        subprocess.Popen(
            papermill("notebooks/01_nested.ipynb", run),
            cwd=nested, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for run in ("nested", "other")
    ]  # fmt: skip
    said = [process.communicate(timeout=900)[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert {receipt(nested / "reports/smoke", run)["run"] for run in ("nested", "other")} == {
        "nested", "other"
    }  # fmt: skip


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=attrgetter("stem"))
def test_help_notebook_has_the_type_and_the_meaning_of_every_parameter(notebook):
    told = inspect_notebook(notebook)  # what --help-notebook prints
    assert told.keys() == defaults(notebook).keys()
    assert all(p["inferred_type_name"] != "None" and p["help"] for p in told.values())


def test_notebooks_are_kept_without_outputs():
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert not any(cell["outputs"] or cell["execution_count"] for cell in code), path.name


def test_git_knows_how_to_compare_and_to_strip_notebooks():
    attributes = (ROOT / ".gitattributes").read_text()
    assert "*.ipynb diff=jupyternotebook merge=jupyternotebook" in attributes
    assert "notebooks/*.ipynb filter=nbstripout" in attributes
    recipe = (ROOT / "Makefile").read_text().split("\ngit:")[1]
    assert "nbdime config-git --enable" in recipe
    assert "filter.nbstripout.clean" in recipe
    assert Path(sys.executable).with_name("nbdiff").is_file()
