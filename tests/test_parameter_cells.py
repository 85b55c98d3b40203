"""Parameters cells say what the schema says, and papermill reads it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest
import yaml
from papermill.translators import PythonTranslator
from pydantic import Field

from brnb.check import check, fix
from brnb.fingerprint import notebook_cells
from brnb.parameter_cells import documented
from brnb.params import Name, ParameterError, Params, literals

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = ", ".join(f'"model number {n} of many"' for n in range(3))
CELL = f"""profile = "smoke"
run_id = "x"

tokens = 2_000_000
rate: float = 4.0e-3  # an old comment
cell = "lstm"
limit = None
sizes = [
    {{"width": 8}},
]
names = [{LONG}]"""
TYPED = f"""profile: str = "smoke"  # folder of params/ and reports/
run_id: str = "x"  # key of params/pipeline.yaml

tokens: int = 2_000_000  # characters to train on
rate: float = 4.0e-3  # peak, if warmup is 0
cell: str = "lstm"  # lstm or gru; kind
limit: "float or None" = None  # None: any
sizes: list = [
    {{"width": 8}},
]  # to train
names: list = [
    {LONG},
]  # of models"""


class Schema(Params):
    """A parameter of each kind."""

    tokens: Annotated[int, Field(gt=0)] = Field(description="characters to train on")
    rate: float = Field(description="peak, if warmup = 0")
    cell: Literal["lstm", "gru"] = Field(description="kind")
    limit: Annotated[float, Field(gt=0)] | None = Field(description="None: any")
    sizes: list[dict[str, int]] = Field(description="to train")
    names: list[Name] = Field(description="of models")


def test_types_and_comments_come_from_the_schema_and_values_stay_as_written():
    assert documented(CELL, Schema) == TYPED
    assert documented(TYPED, Schema) == TYPED
    assert literals(TYPED) == literals(CELL)


def test_papermill_shows_them():
    parameters = PythonTranslator.inspect({"source": TYPED})
    shown = {p.name: (p.inferred_type_name, p.help) for p in parameters}
    assert shown["tokens"] == ("int", "characters to train on")
    assert shown["limit"] == ("float or None", "None: any")
    assert shown["sizes"] == ("list", "to train")
    assert shown.keys() == literals(TYPED).keys()


def test_a_field_without_a_description_is_named():
    silent = SimpleNamespace(
        model_fields={"tokens": SimpleNamespace(annotation=int, description=None)}
    )
    with pytest.raises(ParameterError, match="tokens: give its field a description"):
        documented("tokens = 1", silent)


def test_check_finds_a_cell_that_says_something_else_and_fix_mends_only_that(project):
    path = project / "notebooks/01_first.ipynb"
    sound = path.read_text()
    path.write_text(sound.replace("any text", "no text"))
    (problem,) = check(project)
    assert problem.startswith("01_first.ipynb: types or comments of the parameters cell")
    assert fix(project) == ["01_first.ipynb"]
    assert check(project) == fix(project) == []
    was, now = json.loads(sound), json.loads(path.read_text())
    assert "".join(now["cells"][0].pop("source")) == was["cells"][0].pop("source")
    assert now == was


def test_check_finds_data_that_no_fingerprint_could_follow(project):
    path = project / "notebooks/02_second.ipynb"
    path.write_text(path.read_text().replace("half_up(0.705)", "half_up(brnb.data.read(text))"))
    (problem,) = check(project)
    assert "02_second.ipynb" in problem
    assert "must be a literal" in problem


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_run_all_makes_a_run_of_the_smoke_profile_and_not_one_beside_it(notebook):
    sources = (source for source, tags in notebook_cells(notebook) if "parameters" in tags)
    values = literals(next(sources))
    file = ROOT / "params/smoke" / f"{values['run_id']}.yaml"
    in_file = yaml.safe_load(file.read_text("utf-8"))
    assert {name: values[name] for name in in_file} == in_file
