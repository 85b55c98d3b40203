"""Parameters of Track 2: where a base lies, and what may be varied."""

import pytest
from pydantic import ValidationError
from track2_values import SFT

from brnb.bases.locate import locate
from brnb.finetune.params import SftParams
from brnb.params import ParameterError
from brnb.pipeline import Pipeline, portable
from brnb.studies.adaptation_params import Ablation, variant_params


def test_a_base_is_a_runs_export_a_folder_or_a_name_of_the_hub(tmp_path):
    (tmp_path / "v6/hf").mkdir(parents=True)
    asked = []

    def need(run):
        asked.append(run)
        return tmp_path / run

    assert locate("run:v6", need, "hf") == str(tmp_path / "v6/hf")
    assert locate(str(tmp_path), need, "hf") == str(tmp_path)
    assert locate("meta-llama/Llama-3.1-8B", need, "hf") == "meta-llama/Llama-3.1-8B"
    assert asked == ["v6"]
    with pytest.raises(FileNotFoundError, match="run:v6 left no folder 'adapter'"):
        locate("run:v6", need, "adapter")


def test_a_parameter_that_names_a_run_is_a_need(project):
    file = project / "params/smoke/second.yaml"
    file.write_text(file.read_text() + "price_list: run:first\n")
    (project / "params/pipeline.yaml").write_text(
        "runs:\n  second: {notebook: 02_second}\n  first: {notebook: 01_first}\n"
    )
    pipeline = Pipeline("smoke", project)
    assert pipeline.needs("second") == ["first"]
    assert pipeline.runs == ["first", "second"]


def test_a_variant_changes_what_it_names_and_is_checked():
    base = SftParams(**SFT)
    varied = variant_params(base, Ablation(name="rank_4", changes={"rank": 2}))
    assert varied.model_dump() == base.model_dump() | {"rank": 2, "run_id": "rank_4"}
    with pytest.raises(ParameterError, match=r"ablation big: .*\n.*rank = 'big'"):
        variant_params(base, Ablation(name="big", changes={"rank": "big"}))


def test_a_variant_keeps_the_data():
    with pytest.raises(ValidationError, match="pairs cannot be varied"):
        Ablation(name="more", changes={"pairs": 10})
    with pytest.raises(ValidationError, match="rnak cannot be varied; did you mean rank"):
        Ablation(name="typo", changes={"rnak": 10})


@pytest.mark.parametrize("name", ["BRNB_INSTRUCTIONS", "BRNB_SUMMARIES"])
def test_a_file_is_recorded_by_the_variable_that_names_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv(name, str(tmp_path / "pairs.jsonl"))
    assert portable(tmp_path / "pairs.jsonl", tmp_path / "project") == f"${{{name}}}"


def test_a_file_is_recorded_under_the_variable_that_names_its_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("BRNB_DATA", raising=False)
    file, root = tmp_path / "data/pairs.jsonl", tmp_path / "project"
    monkeypatch.setenv("BRNB_PROCESSES", "2")
    assert portable(file, root) == file.as_posix()
    monkeypatch.setenv("BRNB_INSTRUCTIONS", str(file.parent))
    assert portable(file, root) == "${BRNB_INSTRUCTIONS}/pairs.jsonl"
    monkeypatch.setenv("BRNB_DATA", str(file.parent))
    assert portable(file, root) == "${BRNB_DATA}/pairs.jsonl"
