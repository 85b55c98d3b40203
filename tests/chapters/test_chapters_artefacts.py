"""Every table and figure of the notebooks leads by its id to the one function that draws it."""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import brnb.chapters

PACKAGE = Path(brnb.chapters.__file__).parent
NOTEBOOKS = sorted(PACKAGE.parents[1].glob("notebooks/*.ipynb"))
METHODS = ("cpt", "sft")  # ids that stand where a version's run id stands in others


def artefacts(notebook: Path) -> Iterator[str]:
    """Ids of run.table and run.figure, with ``{run}`` where an f-string has its run's id."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in RUN:
                    yield pattern(node.args[0])


RUN = ("run.table", "run.figure")


def pattern(id: ast.expr) -> str:
    if isinstance(id, ast.Constant):
        return str(id.value)
    assert isinstance(id, ast.JoinedStr), ast.unparse(id)
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "{run}" for p in id.values)


def functions(id: str) -> list[str]:
    """Names that a function of this artefact may have: its own, or that of the pattern."""
    kind, _, rest = id.partition("-")
    run, _, last = rest.partition("-")
    names = [id.replace("-", "_")]
    if run in ("{run}", *METHODS):
        names.append(f"{kind}_{last or 'run'}")
    return names


DRAWN = Counter(
    node.name
    for path in PACKAGE.glob("*.py")
    for node in ast.parse(path.read_text("utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith(("tab", "fig"))
)
IDS = {(path.stem, id) for path in NOTEBOOKS for id in artefacts(path)}


@pytest.mark.parametrize(("notebook", "id"), sorted(IDS))
def test_an_artefact_is_drawn_by_one_function_of_its_name(notebook, id):
    assert sum(DRAWN[name] for name in functions(id)) == 1


def test_every_function_draws_an_artefact():
    named = {name for _, id in IDS for name in functions(id)}
    assert set(DRAWN) <= named
    assert len(IDS) > 90
