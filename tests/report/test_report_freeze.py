"""What was submitted is known by its bytes, for as long as the manifest lies in git."""

import hashlib
import json

import pytest

from brnb import cli
from brnb.pipeline import Pipeline
from brnb.report.freeze import freeze_results, manifest_path, verify_frozen


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "params/smoke").mkdir(parents=True)
    (tmp_path / "params/pipeline.yaml").write_text("runs:\n  first: {notebook: 01_first}\n")
    (tmp_path / "params/smoke/first.yaml").write_text("{profile: smoke, run_id: first}\n")
    (tmp_path / "notebooks").mkdir()
    thesis = tmp_path / "dissertacao"
    (thesis / "tables").mkdir(parents=True)
    (thesis / "tese.tex").write_text("texto")
    (thesis / "tese.aux").write_text("passing")
    (thesis / "tables/tab01.tex").write_text("um")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_manifest_holds_every_file_and_verify_finds_what_changed(project):
    pipeline, thesis = Pipeline("smoke", project), project / "dissertacao"
    path = freeze_results(pipeline, "deposito-2026", thesis)
    manifest = json.loads(path.read_text())
    assert manifest["files"] == {
        "tables/tab01.tex": [2, hashlib.sha256(b"um").hexdigest()],
        "tese.tex": [5, hashlib.sha256(b"texto").hexdigest()],
    }
    assert verify_frozen(pipeline, "deposito-2026", thesis).problems == []
    (thesis / "tese.tex").write_text("outro")
    (thesis / "tables/tab01.tex").unlink()
    compared = verify_frozen(pipeline, "deposito-2026", thesis)
    assert [problem.split("dissertacao/")[1] for problem in compared.problems] == [
        "tables/tab01.tex is missing",
        "tese.tex is altered (its SHA-256 differs)",
    ]
    assert "2 of 2 files are not as they were frozen: restore them" in str(compared)


def test_what_is_frozen_is_never_overwritten_and_an_edited_manifest_is_named(project):
    pipeline, thesis = Pipeline("smoke", project), project / "dissertacao"
    path = freeze_results(pipeline, "a", thesis)
    with pytest.raises(FileExistsError, match="choose another name"):
        freeze_results(pipeline, "a", thesis)
    path.write_text(path.read_text().replace("tese.tex", "nova.tex"))
    with pytest.raises(ValueError, match="was changed since it was written: git checkout"):
        verify_frozen(pipeline, "a", thesis)
    path.write_text("[]")
    with pytest.raises(ValueError, match="is no manifest of brnb freeze"):
        verify_frozen(pipeline, "a", thesis)


def test_names_and_folders_that_are_not_there_are_told(project):
    pipeline = Pipeline("smoke", project)
    with pytest.raises(FileNotFoundError, match="frozen: nothing"):
        verify_frozen(pipeline, "b")
    with pytest.raises(ValueError, match="use letters"):
        manifest_path(pipeline, "../b")
    (project / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="run make thesis and make pdf"):
        freeze_results(pipeline, "b", project / "empty")


def test_the_command_line_freezes_and_verifies(project, capsys):
    assert cli.main(["freeze", "x", "--folder", "dissertacao"]) == 0
    assert cli.main(["verify", "x", "--folder", "dissertacao"]) == 0
    assert "x: 2 files are as they were frozen" in capsys.readouterr().out
    (project / "dissertacao/tese.tex").write_text("maior")
    assert cli.main(["verify", "x", "--folder", "dissertacao"]) == 1
