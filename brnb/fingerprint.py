"""What a result depends on, as hashes that ignore what cannot change it.

A run's fingerprint covers the code cells of its notebook, every `brnb` module that they reach
through imports (lazy ones too) and the data files those modules name, the parameters in force and
the fingerprints of the runs it needs. Code is parsed first: comments, docstrings, formatting and
prose cells never count. `brnb.receipt`, `brnb.energy`, `brnb.pipeline` and this module do not count
either: they write down who, when, where and at what cost, and compare; they can change no number.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

PACKAGE = Path(__file__).parent
PROVENANCE = frozenset({"brnb.energy", "brnb.fingerprint", "brnb.pipeline", "brnb.receipt"})
KEYED = frozenset({"labels", "published"})  # their entries are asked for by literal ids


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value, independent of key order (16 hexadecimal digits)."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def normalise(source: str) -> str:
    """Code as its syntax tree without docstrings: equal for equal meaning, in any formatting.

    The tree is written out by hand because `ast.dump` differs between Python versions.
    """
    code = "\n".join("" if x.lstrip()[:1] in ("%", "!") else x for x in source.splitlines())
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
    return _canonical(tree)


def _canonical(node: Any) -> str:
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={_canonical(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in ("kind", "type_comment", "ctx")
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    return repr(node)


def notebook_cells(path: Path) -> list[tuple[str, list[str]]]:
    """Source and tags of a notebook's code cells, read as plain JSON.

    Raises
    ------
    ValueError
        If the file is not a notebook; names it.
    """
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return [("".join(c["source"]), c.get("metadata", {}).get("tags", [])) for c in code]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a Jupyter notebook ({error!r})") from None


def _imports(source: str, package: str = "") -> Iterator[str]:
    """Names of `brnb` modules (or of things in them) that the code imports when it runs."""
    for node in _running(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "brnb")
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            name = importlib.util.resolve_name(name, package) if node.level else name
            if name.split(".")[0] == "brnb":
                yield from (f"{name}.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``, which never run."""
    yield node
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not typing_only:
            yield from _running(child)


def module_file(name: str) -> Path | None:
    """Source file of a `brnb` module, or None if there is no module of that name."""
    package, *parts = name.split(".")
    if package != PACKAGE.name:
        return None
    stem = PACKAGE.joinpath(*parts)
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)


@lru_cache(maxsize=1024)
def _read_module(name: str, file: Path, mtime: int) -> tuple[str, frozenset[str], frozenset[str]]:
    """Hash, imports and string constants of one module; `mtime` keeps the cache honest."""
    source = file.read_text("utf-8")
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    return digest(normalise(source)), frozenset(_imports(source, package)), _strings(source)


@lru_cache(maxsize=256)
def _read_yaml(path: Path, mtime: int) -> Any:
    """Content of a data file; `mtime` keeps the cache honest."""
    return yaml.safe_load(path.read_text("utf-8"))


def _strings(source: str) -> frozenset[str]:
    nodes = ast.walk(ast.parse(source))
    return frozenset(n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is str)


def code(notebook: Path) -> dict[str, str]:
    """Hash of everything that the notebook's results depend on, by name.

    Returns
    -------
    dict
        ``{"notebook": …, "brnb.train.loop": …, "brnb/thesis/prices.yaml": …}``: the code cells
        (all but the parameters cell, whose values count as parameters), the modules they reach,
        and the data files of those modules' packages.
    """
    cells = [source for source, tags in notebook_cells(notebook) if "parameters" not in tags]
    strings = frozenset().union(*map(_strings, cells))
    imports = [name for source in cells for name in _imports(source)]
    return {
        "notebook": digest([normalise(source) for source in cells]),
        **reached(imports, strings),
    }


def reached(names: Iterable[str], strings: frozenset[str] = frozenset()) -> dict[str, str]:
    """Hash of every module that the named ones reach, and of the data files that they name.

    Parameters
    ----------
    names
        Modules, or things in modules (``brnb.train.loop.train``).
    strings
        String constants of the calling code, which may name data files.
    """
    found: dict[str, str] = {}
    folders: set[Path] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        parent = name.rpartition(".")[0]
        if parent and parent not in found:
            queue.append(parent)
        file = None if name in found or name in PROVENANCE else module_file(name)
        if file is not None:
            module = _read_module(name, file, file.stat().st_mtime_ns)
            found[name], imports, constants = module
            strings |= constants
            folders.add(file.parent)
            queue.extend(imports)
    for folder in folders:
        found |= _data(folder, strings)
    return dict(sorted(found.items()))


def _data(folder: Path, strings: frozenset[str]) -> dict[str, str]:
    """Hashes of a package's data files that the code names, by file.

    A file counts when its stem is a string in the reached code; of the files that all chapters
    share (`KEYED`), only the entries whose keys are, too.
    """
    found = {}
    for path in sorted(folder.glob("*.*")):
        key = path.relative_to(PACKAGE.parent).as_posix()
        if path.suffix == ".yaml":
            content = _read_yaml(path, path.stat().st_mtime_ns)
            if path.stem in KEYED:
                found[key] = digest({k: v for k, v in content.items() if k in strings})
            elif path.stem in strings:
                found[key] = digest(json.loads(json.dumps(content, default=str)))
        elif path.suffix == ".csv" and path.stem in strings:
            found[key] = digest(path.read_text("utf-8"))
    return found


def fingerprint(
    code: Mapping[str, str], params: Mapping[str, Any], needs: Mapping[str, str]
) -> str:
    """The identity of a run: its code, its parameters in force, the runs it needs."""
    return digest({"code": dict(code), "params": dict(params), "needs": dict(needs)})
