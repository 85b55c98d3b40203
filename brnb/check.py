"""Static checks: what would fail in hour six, found in a second and without a kernel."""

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path

from pyflakes import checker, messages

from brnb.atomic import write_atomic
from brnb.fingerprint import code, notebook_cells
from brnb.parameter_cells import documented
from brnb.params import ParameterError, Params, nearest, validate
from brnb.pipeline import Pipeline, defaults, find_root, parameters_cell
from brnb.unchanged import hash_sources, is_done, note_done

NOTEBOOK_NAMES = ["display", "get_ipython"]


def check(root: Path | None = None) -> list[str]:
    """Problems of all notebooks and all parameter files, one line each; empty when all is well.

    What was well stays well until a file changes: it is not looked at again.
    """
    root = root or find_root()
    note, sources = root / "work" / "checked", hash_sources(_checked(root))
    if is_done(note, sources, []):
        return []
    problems = _problems(root)
    if not problems:
        note_done(note, sources, [])
    return problems


def _checked(root: Path) -> list[Path]:
    return [*_notebooks(root), *sorted((root / "params").rglob("*"))]


def _problems(root: Path) -> list[str]:
    problems = [line for path in _notebooks(root) for line in check_notebook(path)]
    for folder in sorted(path for path in (root / "params").iterdir() if path.is_dir()):
        try:
            pipeline = Pipeline(folder.name, root)
        except ParameterError as error:
            problems.append(str(error))
            continue
        known = {f"{run}.yaml" for run in pipeline.runs}
        for file in sorted(folder.glob("*.yaml")):
            if file.name not in known:
                where = f"params/pipeline.yaml{nearest(file.stem, pipeline.runs)}"
                problems.append(f"{file.relative_to(root)}: no run {file.stem!r} in {where}")
        for run in pipeline.runs:
            problems += check_run(pipeline, run)
    return problems


def check_notebook(notebook: Path) -> Iterator[str]:
    """Problems of one notebook: names that nothing defines, data that no fingerprint could follow,
    and a parameters cell that does not say what the schema does."""
    wrong = list(undefined_names(notebook))
    yield from wrong
    try:
        code(notebook)
        cell = parameters_cell(notebook)
        if documented(cell, schema(notebook)) != cell:
            yield (
                f"{notebook.name}: types or comments of the parameters cell are not the schema's: "
                "brnb check --fix writes them"
            )
    except (ParameterError, ValueError, SyntaxError) as error:
        if not wrong:
            yield f"{notebook.name}: {error}"


def fix(root: Path | None = None) -> list[str]:
    """Write types and comments into the parameters cells that lack them; names the notebooks."""
    written = []
    for path in _notebooks(root or find_root()):
        content = json.loads(path.read_text("utf-8"))
        (cell,) = (c for c in content["cells"] if "parameters" in c["metadata"].get("tags", ()))
        source = "".join(cell["source"])
        anew = documented(source, schema(path))
        if anew != source:
            cell["source"] = anew.splitlines(keepends=True)
            write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            written.append(path.name)
    return written


def check_run(pipeline: Pipeline, run: str) -> list[str]:
    """Problems of one run's parameters: names, types, ranges, and that file and run agree."""
    file = pipeline.params_file(run).relative_to(pipeline.root)
    notebook = pipeline.notebook(run)
    if not notebook.is_file():
        return [f"params/pipeline.yaml: {run}: there is no {notebook.relative_to(pipeline.root)}"]
    try:
        cell, values = defaults(notebook), pipeline.params(run)
        problems = [
            f"{file}: {name} is not in the parameters cell of {notebook.name}{nearest(name, cell)}"
            for name in sorted(values.keys() - cell.keys())
        ]
        expected = {"profile": pipeline.profile, "run_id": run}
        for name, value in expected.items():
            if values.get(name) != value:
                problems.append(f"{file}: {name} must be {value!r}, not {values.get(name)!r}")
        validate(schema(notebook), {k: values[k] for k in values.keys() & cell.keys()}, str(file))
    except (ParameterError, ValueError) as error:
        return [str(error)]
    return problems


def schema(notebook: Path) -> type[Params]:
    """The `Params` class that a notebook passes to `open_run`.

    Raises
    ------
    ParameterError
        If the notebook does not open a run, or not under its own name.
    """
    imports: dict[str, str] = {}
    for source, _ in notebook_cells(notebook):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                imports |= {a.asname or a.name: f"{node.module}:{a.name}" for a in node.names}
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("open_run"):
                name = ast.literal_eval(node.args[0])
                if name != notebook.stem:
                    raise ParameterError(f"{notebook}: open_run({name!r}) must name the notebook")
                module, _, attribute = imports[ast.unparse(node.args[1])].partition(":")
                schema: type[Params] = getattr(importlib.import_module(module), attribute)
                return schema
    raise ParameterError(f"{notebook}: no cell calls brnb.open_run")


def undefined_names(notebook: Path) -> Iterator[str]:
    """Names that a notebook uses and nothing defines, with cell and line; syntax errors too."""
    sources, places = [], []
    for number, (source, _) in enumerate(notebook_cells(notebook), start=1):
        try:
            ast.parse(source)
        except SyntaxError as error:
            yield f"{notebook.name}: code cell {number}, line {error.lineno}: {error.msg}"
            return
        lines = source.splitlines()
        sources += lines
        places += [(number, line) for line in range(1, len(lines) + 1)]
    complaints = checker.Checker(ast.parse("\n".join(sources)), builtins=NOTEBOOK_NAMES).messages
    for message in complaints:
        if isinstance(message, messages.UndefinedName):
            cell, line = places[message.lineno - 1]
            name = message.message_args[0]
            yield f"{notebook.name}: code cell {cell}, line {line}: {name!r} is not defined"


def _notebooks(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9]*.ipynb"))
