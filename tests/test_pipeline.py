"""Needs that are patterns: a new run cannot be forgotten."""

from pathlib import Path

import pytest

from brnb.params import ParameterError
from brnb.pipeline import Pipeline, portable

PROJECT = Path(__file__).parents[1]
RUNS = """
runs:
  corpus: {notebook: 02_corpus}
  v1: {notebook: 04_v1, needs: [corpus]}
  v6: {notebook: 09_v6, needs: [corpus]}
  v6_large: {notebook: 09_v6, needs: [corpus]}
  all: {notebook: 11_all, needs: [corpus, "0[4-9]_*"]}
  costs: {notebook: 16_costs, needs: ["*"]}
  claims: {notebook: 23_claims, needs: [costs]}
"""


@pytest.fixture
def pipeline(tmp_path):
    folder = tmp_path / "params" / "smoke"
    folder.mkdir(parents=True)
    (folder.parent / "pipeline.yaml").write_text(RUNS)
    for run in ("corpus", "v1", "v6", "all", "costs", "claims"):
        (folder / f"{run}.yaml").write_text(f"run_id: {run}\n")
    return Pipeline("smoke", tmp_path)


def test_a_pattern_means_the_runs_of_the_notebooks_that_match(pipeline):
    assert pipeline.needs("all") == ["corpus", "v1", "v6"]  # v6_large is not in this profile


def test_all_runs_are_those_that_do_not_need_the_run_itself(pipeline):
    assert pipeline.needs("costs") == ["corpus", "v1", "v6", "all"]
    assert pipeline.runs[-2:] == ["costs", "claims"]


def test_a_circle_through_a_pattern_is_found(tmp_path, pipeline):
    path = tmp_path / "params" / "pipeline.yaml"
    path.write_text(RUNS.replace("[corpus]}\n  v6:", "[claims]}\n  v6:"))
    with pytest.raises(ParameterError, match="a circle"):
        Pipeline("smoke", tmp_path)


def test_a_run_that_repeats_a_chapter_has_artefacts_of_its_own():
    lab = Pipeline("lab", PROJECT)
    assert lab.artefact("eval_extrinsic_smollm2", "tab13") == "tab13-smollm2"
    assert lab.artefact("eval_trilha2_extrinsic_3seeds", "tab13") == "tab13"


@pytest.mark.parametrize("profile", ["smoke", "lab", "paper"])
def test_costs_are_of_every_run(profile):
    pipeline = Pipeline(profile, PROJECT)
    needed_by = {run for run in pipeline.runs if "costs" in pipeline.needs(run)}
    assert set(pipeline.needs("costs")) == set(pipeline.runs) - needed_by - {"costs"}


@pytest.mark.parametrize("profile", ["smoke", "lab", "paper"])
def test_track_1_compares_every_version(profile):
    pipeline = Pipeline(profile, PROJECT)
    versions = {run for run in pipeline.runs if run.startswith("v")}
    assert set(pipeline.needs("track1")) == versions | {"corpus", "tokenizer"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("runs: [v1]", "must hold 'runs:'"),
        ("runs:\n  ../evil: {notebook: a}", r"run \.\./evil: write a name"),
        ("runs:\n  v1: 3", "run v1: write a name"),
        ("runs:\n  v1: {}", "notebook = None is not a name"),
        ("runs:\n  v1: {notebook: 'a$(touch X)b'}", "is not a name"),
        ("runs:\n  v1: {notebook: ../x}", "is not a name"),
        ("runs:\n  v1: {notebook: a, needs: 3}", "needs = 3 is not a list of runs"),
        ("runs:\n  v1: {notebook: a, suffix: a/b}", "suffix = 'a/b' is not a name"),
        ("runs:\n  v1: {notebook: a, threads: many}", "threads = 'many' is not a number"),
    ],
)
def test_a_mistake_in_the_pipeline_names_file_and_run(tmp_path, pipeline, content, message):
    path = tmp_path / "params/pipeline.yaml"
    path.write_text(content)
    with pytest.raises(ParameterError, match=rf"pipeline\.yaml.*{message}"):
        Pipeline("smoke", tmp_path)


@pytest.mark.parametrize("profile", ["..", "../..", "/etc", "", "a b"])
def test_a_profile_is_a_name_and_never_a_path(tmp_path, pipeline, profile):
    with pytest.raises(ParameterError, match="no profile"):
        Pipeline(profile, tmp_path)


def test_paths_name_no_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "alice"))
    monkeypatch.setenv("BRNB_DATA", str(tmp_path / "alice/data"))
    monkeypatch.setenv("OTHER", str(tmp_path / "alice/other"))
    root = tmp_path / "project"
    paths = ["project/x", "alice/data", "alice/data/b", "alice/other/c", "bob/d"]
    expected = ["x", "${BRNB_DATA}", "${BRNB_DATA}/b", "~/other/c", f"{tmp_path}/bob/d"]
    assert [portable(tmp_path / path, root) for path in paths] == expected
