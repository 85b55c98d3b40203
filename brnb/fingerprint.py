"""What a result depends on, as hashes that ignore what cannot change it.

A run's fingerprint covers the code cells of its notebook, every `brnb` module that they reach
through imports (lazy ones too), the data files that those modules read through `brnb.data` and
`brnb.thesis.load`, the parameters in force and the fingerprints of the runs it needs. Code is
parsed first: comments, docstrings, formatting and prose cells never count. What stands in
`PROVENANCE` does not count either: it writes down who, when, where and at what cost, and compares;
it can change no number.
"""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from brnb.readings import Readings, beside_bytecode
from brnb.sources import DOORS, Source, normalise, read_source

PACKAGE = Path(__file__).parent
PROVENANCE = frozenset(
    f"brnb.{name}"
    for name in (
        *("atomic", "energy", "fingerprint", "kernel", "locks", "notices", "outputs", "pipeline"),
        *("progress", "provenance", "readings", "receipt", "scratch", "sources", "usage"),
    )
)
# Files that all chapters share: their entries are asked for by literal ids.
KEYED = frozenset({"report/labels.yaml", "thesis/published.yaml"})


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value, independent of key order (16 hexadecimal digits)."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


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
        tags = [list(cell.get("metadata", {}).get("tags", [])) for cell in code]
        return list(zip(("".join(cell["source"]) for cell in code), tags, strict=True))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: not a Jupyter notebook ({error!r})") from None


def module_file(name: str) -> Path | None:
    """Source file of a `brnb` module, or None if there is no module of that name."""
    package, *parts = name.split(".")
    if package != PACKAGE.name:
        return None
    stem = PACKAGE.joinpath(*parts)
    return next((f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()), None)


@cache
def _readings() -> Readings:
    """What modules and data files say, as far as it was read before."""
    readers = (PACKAGE / "fingerprint.py", PACKAGE / "sources.py")
    return Readings(beside_bytecode(__file__, ".readings"), readers)


@lru_cache(maxsize=1024)
def _read_module(name: str, file: Path, mtime: int) -> Source:
    """One module, with the hash of its meaning for it; `mtime` keeps the cache honest."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    is_door = name in {door.rpartition(".")[0] for door in DOORS}
    content = file.read_bytes()

    def read() -> list[Any]:
        source = read_source(_text(content), str(file), package, is_door)
        return [digest(source.meaning), *map(sorted, (source.imports, source.strings, source.data))]

    meaning, *sets = _readings().recall(f"{package} {name}", content, read)
    return Source(meaning, *map(frozenset, sets))


@lru_cache(maxsize=256)
def _read_data(file: Path, mtime: int) -> Any:
    """Content of a data file, JSON-able; `mtime` keeps the cache honest."""
    content = file.read_bytes()

    def read() -> Any:
        text = _text(content)
        if file.suffix != ".yaml":
            return text
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return json.loads(json.dumps(yaml.load(text, Loader=loader), default=str))

    return _readings().recall(file.relative_to(PACKAGE).as_posix(), content, read)


def _text(content: bytes) -> str:
    """The text of a file in any convention of line ends, as `Path.read_text` has it."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8").read()


def code(notebook: Path) -> dict[str, str]:
    """Hash of everything that the notebook's results depend on, by name.

    Returns
    -------
    dict
        ``{"notebook": …, "brnb.train.loop": …, "brnb/thesis/prices.yaml": …}``: the code cells
        (all but the parameters cell, whose values count as parameters), the modules they reach,
        and the data files that cells and modules read.

    Raises
    ------
    ValueError
        If data is read by a name that is no literal, or does not exist; names file and line.
    """
    cells = [source for source, tags in notebook_cells(notebook) if "parameters" not in tags]
    source = read_source("\n".join(cells), notebook.name)
    return {"notebook": digest([normalise(cell) for cell in cells]), **_reached([source])}


def reached(names: Iterable[str]) -> dict[str, str]:
    """Hash of every module that the named ones reach, and of the data files that they read.

    Parameters
    ----------
    names
        Modules, or things in modules (``brnb.train.loop.train``).
    """
    return _reached([Source("", frozenset(names), frozenset(), frozenset())])


def _reached(sources: list[Source]) -> dict[str, str]:
    modules: dict[str, str] = {}
    queue, seen = list(sources[0].imports), set[str]()
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        # The package itself imports `brnb.run`, which only chapters use, and by its name.
        if parent not in ("", PACKAGE.name):
            queue.append(parent)
        file = None if name in PROVENANCE else module_file(name)
        if file is not None:
            source = _read_module(name, file, file.stat().st_mtime_ns)
            modules[name] = source.meaning
            sources.append(source)
            queue.extend(source.imports)
    strings = frozenset().union(*(source.strings for source in sources))
    data = frozenset().union(*(source.data for source in sources))
    hashes = modules | _data(data, strings)
    _readings().save()
    return dict(sorted(hashes.items()))


def _data(names: Iterable[str], strings: frozenset[str]) -> dict[str, str]:
    """Hashes of data files, by file; of a keyed one only the entries that are asked for count."""
    hashes = {}
    for name in names:
        for file in _files(name):
            content = _read_data(file, file.stat().st_mtime_ns)
            if name in KEYED:
                content = {k: v for k, v in content.items() if _PLACE.sub("{}", k) in strings}
            hashes[file.relative_to(PACKAGE.parent).as_posix()] = digest(content)
    return hashes


_PLACE = re.compile(r"\{\w*\}")  # of a run, in the key of a caption: tab-{run}-samples


def _files(name: str) -> list[Path]:
    """A data file, or all of a folder."""
    place = PACKAGE / name
    if not place.exists():
        raise ValueError(f"brnb/{name} is read and does not exist")
    files = place.rglob("*") if place.is_dir() else [place]
    return sorted(f for f in files if f.is_file() and f.suffix not in (".py", ".pyc"))


def fingerprint(
    code: Mapping[str, str], params: Mapping[str, Any], needs: Mapping[str, str]
) -> str:
    """The identity of a run: its code, its parameters in force, the runs it needs."""
    return digest({"code": dict(code), "params": dict(params), "needs": dict(needs)})
