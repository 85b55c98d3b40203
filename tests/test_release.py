"""What an examiner would find before a release: `brnb release` finds it first."""

import json
import subprocess

import pytest

from brnb import cli, receipt
from brnb.pipeline import Pipeline
from brnb.release import review_release


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def executed(project, run):
    """What papermill leaves of a notebook: its cells in order, numbered, and its parameters."""
    notebook = Pipeline("smoke", project).notebook(run)
    content = json.loads(notebook.read_text())
    injected = {"cell_type": "code", "source": "seed = 1", "metadata": {}, "outputs": []}
    injected["metadata"]["tags"] = ["injected-parameters"]
    content["cells"].insert(1, injected)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        cell |= {"execution_count": number, "outputs": []}
    path = project / f"reports/smoke/notebooks/{run}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def released(project, run_chapter):
    """A project of two chapters, run from a commit, whose results are committed too."""
    (project / ".gitignore").write_text("work/\nreports/*/runs/*/*\n!reports/*/runs/*/*.json\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "code")
    for run in ("first", "second"):
        run_chapter(run)
        executed(project, run)
    git(project, "add", ".")
    git(project, "commit", "-qm", "results")
    return project


def problems(project):
    return review_release(Pipeline("smoke", project)).problems


def test_a_whole_profile_of_one_commit_may_be_released(released, capsys):
    assert problems(released) == []
    assert cli.main(["release"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 runs of smoke are of commit ")
    assert out.endswith("next: brnb freeze NAME --profile smoke\n")


def test_what_git_does_not_keep_may_lie_elsewhere(released):
    (released / "reports/smoke/runs/first/text.txt").unlink()
    review = review_release(Pipeline("smoke", released))
    assert review.problems == []
    assert review.elsewhere == 1
    assert "1 artefacts lie elsewhere" in str(review)


def test_what_lies_elsewhere_may_have_an_accent(released):
    path = released / "reports/smoke/runs/first/receipt.json"
    left = receipt.read_receipt(path)
    (artefact,) = left.artefacts.values()
    named = {"artefacts": {"runs/first/ação.bin": artefact}}
    receipt.write_receipt(path, left.model_copy(update=named))
    review = review_release(Pipeline("smoke", released))
    assert review.elsewhere == 1
    assert not [problem for problem in review.problems if problem.startswith("first")]


def test_what_is_here_has_to_be_as_it_was_written(released):
    (released / "reports/smoke/runs/first/text.txt").write_text("other")
    (problem,) = problems(released)
    assert problem.startswith("first: artefact runs/first/text.txt is ")


def test_a_run_that_never_finished_is_named_with_the_command(released):
    (released / "reports/smoke/runs/first/receipt.json").unlink()
    assert problems(released)[0] == "first: never finished: PROFILE=smoke make thesis"


def test_changed_parameters_are_of_no_commit_and_make_all_that_follows_old(released):
    with (released / "params/smoke/first.yaml").open("a") as file:
        file.write("seed: 2\n")
    first, second, third = problems(released)
    assert first == "params/smoke/first.yaml: is not as committed: commit it, or git checkout it"
    assert second.startswith("first: is of other code or parameters than today's")
    assert third.startswith("second: is of other code or parameters than today's")
    git(released, "commit", "-qam", "other parameters")
    for run in ("first", "second"):
        old, other = (p for p in problems(released) if p.startswith(run))
        assert "is of other code or parameters than today's" in old
        assert "whose brnb, notebooks, params are not those of" in other


def test_a_receipt_of_an_uncommitted_state_or_edited_by_hand(released):
    path = released / "reports/smoke/runs/first/receipt.json"
    left = receipt.read_receipt(path)
    receipt.write_receipt(
        path, left.model_copy(update={"provenance": left.provenance | {"git_dirty": True}})
    )
    assert problems(released) == [
        "first: was executed with code or parameters that were not committed"
    ]
    path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    assert "it was changed since it was written" in problems(released)[0]


def test_other_lock_files_are_other_packages(released):
    (released / "requirements.lock").write_text("torch==2.13.0\n")
    assert problems(released) == [
        f"{run}: was executed with other lock files than these" for run in ("first", "second")
    ]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda cells: cells.pop(), "has other cells than"),
        (lambda cells: cells[-1].update(source="2"), "has other cells than"),
        (lambda cells: cells[-1].update(execution_count=None), "was not executed from its first"),
        (
            lambda cells: cells[-1].update(outputs=[{"output_type": "error"}]),
            "was not executed from its first",
        ),
        (lambda cells: cells[-1].pop("outputs"), "is damaged"),
    ],
)
def test_an_executed_notebook_is_what_papermill_made_of_the_saved_one(released, edit, problem):
    path = released / "reports/smoke/notebooks/second.ipynb"
    content = json.loads(path.read_text())
    edit(content["cells"])
    path.write_text(json.dumps(content))
    (found,) = problems(released)
    assert problem in found
    path.unlink()
    assert problems(released) == ["second: its executed notebook second.ipynb is missing"]


def test_without_git_no_receipt_could_name_its_code(project, capsys):
    assert cli.main(["release"]) == 2
    assert "has no git commit: git init" in capsys.readouterr().err
