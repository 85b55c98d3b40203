"""Where a table, a figure or a number of the thesis comes from.

Artefacts are drawn by functions of `brnb.chapters`, which `brnb.chapters.names` names.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from brnb.chapters.names import function_names
from brnb.fingerprint import PACKAGE, notebook_cells
from brnb.params import ParameterError
from brnb.pipeline import Pipeline
from brnb.receipt import read_receipt
from brnb.sources import read_source
from brnb.thesis import load


@dataclass(frozen=True)
class Origin:
    """What made an artefact; paths are relative to the project, None where there is none."""

    id: str
    run: str
    notebook: Path
    cell: int | None  # of the notebook's code cells, from 1
    function: str | None
    file: str | None  # with the line: brnb/chapters/track1.py:40
    receipt: Path | None
    params: Path

    def __str__(self) -> str:
        cell = f", code cell {self.cell}" if self.cell else ""
        drawn = f"{self.function}  {self.file}" if self.function else "none in brnb/chapters"
        lines = {
            "run": self.run,
            "notebook": f"{self.notebook}{cell}",
            "function": drawn,
            "receipt": self.receipt or "none: it has not finished",
            "parameters": self.params,
        }
        return "\n".join([self.id, *(f"  {name:<11} {value}" for name, value in lines.items())])


def where(pipeline: Pipeline, id: str) -> list["Origin | Counterpart"]:
    """Every run of a profile that makes this artefact or number (``v1.val_ppl``).

    Receipts say it of runs that have finished, the notebooks' cells of the others. A path of the
    dissertation's own repository (``versions/…``) leads to the run that stands in its place.

    Raises
    ------
    ParameterError
        If no run makes it; names the nearest artefact.
    """
    if "/" in id:
        return [_counterpart(pipeline, id)]
    listed = {run: _listed(pipeline, run) for run in pipeline.runs}
    runs = [run for run, ids in listed.items() if id in ids]
    runs = runs or [run for run in pipeline.runs if _cell(pipeline, run, id)]
    if not runs:
        known = {name for ids in listed.values() for name in ids}
        raise ParameterError(f"no run of profile {pipeline.profile} makes {id!r}{_near(id, known)}")
    return [_origin(pipeline, run, id) for run in runs]


@dataclass(frozen=True)
class Counterpart:
    """What stands here in the place of a path of the dissertation's repository."""

    path: str
    run: str
    files: list[Path]  # relative to the project

    def __str__(self) -> str:
        lines = [f"  {'file':<11} {file}" for file in self.files]
        return "\n".join([self.path, f"  {'run':<11} {self.run}", *lines])


def _counterpart(pipeline: Pipeline, path: str) -> Counterpart:
    known = load("artefact_paths")
    for entry in known:
        if fnmatch(path, entry["path"]) or path.rstrip("/") == entry["path"].rstrip("/*"):
            run = entry["run"]
            home = pipeline.reports.relative_to(pipeline.root)
            return Counterpart(path, run, [home / f.format(run=run) for f in entry["files"]])
    near = _near(path, {entry["path"] for entry in known})
    raise ParameterError(f"the dissertation names no {path!r}{near}")


def _near(id: str, known: set[str]) -> str:
    close = difflib.get_close_matches(id, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _listed(pipeline: Pipeline, run: str) -> set[str]:
    """Tables, figures and numbers in a run's receipt."""
    try:
        result = read_receipt(pipeline.folder(run) / "receipt.json")
    except (FileNotFoundError, ValueError):
        return set()
    drawn = {Path(path).stem for path in result.artefacts if path.startswith(("tab", "fig", "alg"))}
    return drawn | result.numbers.keys()


def _origin(pipeline: Pipeline, run: str, id: str) -> Origin:
    receipt = pipeline.folder(run) / "receipt.json"
    function, file = next(_functions(run, id), (None, None))
    return Origin(
        id=id,
        run=run,
        notebook=pipeline.notebook(run).relative_to(pipeline.root),
        cell=_cell(pipeline, run, id),
        function=function,
        file=file,
        receipt=receipt.relative_to(pipeline.root) if receipt.is_file() else None,
        params=pipeline.params_file(run).relative_to(pipeline.root),
    )


def _cell(pipeline: Pipeline, run: str, id: str) -> int | None:
    """Number of the first code cell that holds the id, or an f-string that gives it in this run."""
    name = id.removeprefix(f"{run}.")
    for number, (source, tags) in enumerate(notebook_cells(pipeline.notebook(run)), start=1):
        if "parameters" not in tags:
            strings = read_source(source, pipeline.notebook(run).name).strings
            if any(text.replace("{}", run) == name for text in strings):
                return number
    return None


def _functions(run: str, id: str) -> Iterator[tuple[str, str]]:
    """Name and place of the functions that draw an artefact, by the convention."""
    places = {
        node.name: f"{path.relative_to(PACKAGE.parent).as_posix()}:{node.lineno}"
        for path in sorted((PACKAGE / "chapters").glob("*.py"))
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    return ((name, places[name]) for name in function_names(run, id) if name in places)
