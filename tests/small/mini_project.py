"""Two small chapters, written and run without a kernel."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mini_schema import MiniParams

from brnb.parameter_cells import documented
from brnb.params import Params
from brnb.pipeline import Pipeline

FIRST = """
import brnb
from mini_schema import MiniParams

run = brnb.open_run("01_first", MiniParams, globals())
#%%
from brnb.text.clean import early

(run.folder / "text.txt").write_text(early(f"{run.params.price_list} 42"))
run.metric("length", len(early("abc")))
#%%
run.number("length", 3.14159, decimals=2)
receipt = run.close()
"""
SECOND = """
import brnb
from mini_schema import MiniParams

run = brnb.open_run("02_second", MiniParams, globals())
text = (run.need("first") / "text.txt").read_text()
#%%
from brnb.theory.costs import half_up

run.metric("rounded", half_up(0.705))
run.params.price_list
receipt = run.close()
"""


def write_notebook(
    path: Path, code: str, parameters: dict[str, Any], schema: type[Params] = MiniParams
) -> None:
    """Write a notebook: a parameters cell, a prose cell, and the code split at ``#%%``."""
    values = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    first = documented(values, schema)
    cells = [
        {"cell_type": "code", "source": first, "metadata": {"tags": ["parameters"]}},
        {"cell_type": "markdown", "source": "# Prosa", "metadata": {}},
        *(
            {"cell_type": "code", "source": source.strip(), "metadata": {}}
            for source in code.split("#%%")
        ),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def execute(notebook: Path, **overrides: Any) -> dict[str, Any]:
    """Run the code cells as papermill would, with a cell of overrides; returns the namespace."""
    injected = "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in overrides.items())
    first, *others = _code(notebook)
    return _execute([first, *([injected] if overrides else []), *others])


def execute_edited(notebook: Path, old: str, new: str) -> None:
    """Run the code cells with one text replaced by another, and leave the saved notebook as is."""
    _execute(source.replace(old, new) for source in _code(notebook))


def states(project: Path) -> dict[str, tuple[str, str]]:
    """State of each run, and why it is not done."""
    return {s.run: (s.state, s.why) for s in Pipeline("smoke", project).status()}


def _code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return [cell["source"] for cell in cells if cell["cell_type"] == "code"]


def _execute(sources: Iterable[str]) -> dict[str, Any]:
    namespace: dict[str, Any] = {"In": [""]}
    for source in sources:
        namespace["In"].append(source)
        exec(source, namespace)
    return namespace
