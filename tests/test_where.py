"""Where a table, a figure or a number comes from: run, cell, function, receipt, parameters."""

import json
from pathlib import Path

import pytest

from brnb import where as module
from brnb.params import ParameterError
from brnb.pipeline import Pipeline
from brnb.thesis import load
from brnb.where import where

TABLE = 'run.table(f"tab-{run.id}-samples", pandas.DataFrame({"a": [1]}))\n'


@pytest.fixture
def drawing(project, monkeypatch):
    """The first chapter writes a table by a pattern; `brnb.chapters` draws it."""
    path = project / "notebooks/01_first.ipynb"
    content = json.loads(path.read_text())
    content["cells"][4]["source"] = "import pandas\n" + TABLE + content["cells"][4]["source"]
    path.write_text(json.dumps(content))
    package = project / "elsewhere" / "brnb"
    (package / "chapters").mkdir(parents=True)
    (package / "chapters/versions.py").write_text("import os\n\n\ndef tab_samples():\n    pass\n")
    monkeypatch.setattr(module, "PACKAGE", package)
    return project


def test_a_pattern_leads_to_run_cell_and_function(drawing):
    (found,) = where(Pipeline("smoke", drawing), "tab-first-samples")
    assert (found.run, str(found.notebook), found.cell) == ("first", "notebooks/01_first.ipynb", 4)
    assert (found.function, found.file) == ("tab_samples", "brnb/chapters/versions.py:4")
    assert found.receipt is None
    assert str(found.params) == "params/smoke/first.yaml"


def test_a_finished_run_says_it_by_its_receipt(project, run_chapter):
    run_chapter("first")
    pipeline = Pipeline("smoke", project)
    (found,) = where(pipeline, "first.length")
    assert (found.run, found.cell) == ("first", 3)
    assert str(found.receipt) == "reports/smoke/runs/first/receipt.json"
    assert "function    none in brnb/chapters" in str(found)
    with pytest.raises(ParameterError, match=r"makes 'first.lenth'; did you mean first\.length"):
        where(pipeline, "first.lenth")


ROOT = Path(__file__).parents[1]


def test_a_path_of_the_dissertation_leads_to_the_run_in_its_place():
    pipeline = Pipeline("lab", ROOT)
    (log,) = where(pipeline, "versions/v6-release-candidate/logs/train_v6_rc16k_v5b.json")
    assert log.run == "v6_rc16k_v5b"
    assert "reports/lab/runs/v6_rc16k_v5b/curves.json" in str(log)
    for folder in ("versions/trilha2-lora/", "versions/v6-release-candidate"):
        assert where(pipeline, folder)[0].files
    with pytest.raises(ParameterError, match="did you mean versions/v1-char-rnn"):
        where(pipeline, "versions/v1-char-rnn/logs/train_brwac_v1_10k.json")


@pytest.mark.parametrize("entry", load("artefact_paths"), ids=lambda entry: entry["path"])
def test_what_stands_in_a_path_s_place_is_what_runs_leave(entry):
    """Receipts of profile lab, which are in git, list it; a receipt lists not itself."""
    for run in entry["run"].split(", "):
        receipt = json.loads((ROOT / f"reports/lab/runs/{run}/receipt.json").read_text())
        files = {file.format(run=run) for file in entry["files"]}
        own = {file for file in files if f"runs/{run}/" in file or file.startswith("tables/")}
        assert own
        assert own <= receipt["artefacts"].keys() | {f"runs/{run}/receipt.json"}
