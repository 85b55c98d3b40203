"""Every table and figure of the notebooks leads by its id to the one function that draws it."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import brnb.chapters
from brnb.chapters.names import function_names
from brnb.fingerprint import notebook_cells
from brnb.pipeline import Pipeline

PACKAGE = Path(brnb.chapters.__file__).parent
PIPELINE = Pipeline("smoke", PACKAGE.parents[1])
DRAWN = Counter(
    node.name
    for path in PACKAGE.glob("*.py")
    for node in ast.parse(path.read_text("utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith(("tab", "fig"))
)


def artefacts(run: str) -> Iterator[str]:
    """Ids that a run's notebook passes to run.table and run.figure."""
    for source, _ in notebook_cells(PIPELINE.notebook(run)):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("run.table", "run.figure"):
                yield eval(ast.unparse(node.args[0]), {"run": Named(run)})


class Named:
    """What an id may ask a run for."""

    def __init__(self, run: str) -> None:
        self.id = run


IDS = sorted((run, id) for run in PIPELINE.runs for id in artefacts(run))


@pytest.mark.parametrize(("run", "id"), IDS)
def test_an_artefact_is_drawn_by_one_function_of_its_name(run, id):
    assert next(DRAWN[name] for name in function_names(run, id) if name in DRAWN) == 1


def test_every_function_draws_an_artefact():
    assert set(DRAWN) <= {name for run, id in IDS for name in function_names(run, id)}


def test_ids_lead_to_names():
    assert "tab_run" in function_names("v1", "tab-v1")
    assert "tab_legibility" in function_names("v6_130m", "tab-v6_130m-legibility")
    cpt = "cpt_qlora_llama31_8b_brwac10k"
    assert function_names(cpt, "fig-cpt-loss") == ["fig_cpt_loss", "fig_loss"]
    assert "tab13" in function_names("eval_extrinsic_smollm2", "tab13-smollm2")
    assert "fig_loss" in function_names("sft_v6_instruct", "fig-sft-loss-instruct")
