"""Everything that was submitted, by its SHA-256: `brnb verify NAME` compares it years later."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb import atomic, receipt
from brnb.pipeline import Pipeline
from brnb.provenance import provenance

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# What LaTeX and the operating system leave behind, and what is no result.
_PASSING = {".aux", ".fdb_latexmk", ".fls", ".log", ".out", ".toc", ".lof", ".lot", ".brnbloa"}
_PASSING |= {".part", ".gz"}
_FOLDERS = {".git", ".unfinished", "scratch", "__pycache__"}


@dataclass(frozen=True)
class FrozenComparison:
    """What is no longer as it was frozen, one line each, and what to do about it."""

    name: str
    files: int
    problems: list[str]

    def __str__(self) -> str:
        if not self.problems:
            return f"{self.name}: {self.files} files are as they were frozen"
        return "\n".join(
            [
                *self.problems,
                f"{self.name}: {len(self.problems)} of {self.files} files are not as they were "
                f"frozen: restore them (git checkout), or freeze under another name",
            ]
        )


def manifest_path(pipeline: Pipeline, name: str) -> Path:
    """Where the manifest of a frozen state is: ``reports/frozen/<name>.json``.

    Raises
    ------
    ValueError
        If the name cannot be that of a file.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"name {name!r}: use letters, digits, '.', '_' and '-', e.g. deposito-2026"
        )
    return pipeline.root / "reports" / "frozen" / f"{name}.json"


def freeze_results(pipeline: Pipeline, name: str, folder: Path | None = None) -> Path:
    """Write the manifest of a folder as it is now, with the receipts that it rests on.

    Parameters
    ----------
    pipeline
        Of the profile whose results were submitted.
    name
        Of this state: ``deposito-2026``.
    folder
        What was submitted: the dissertation's folder; default ``reports/<profile>``.

    Raises
    ------
    FileExistsError
        If something is frozen under this name: a manifest is never overwritten.
    FileNotFoundError
        If the folder is missing or empty.
    """
    path = manifest_path(pipeline, name)
    if path.exists():
        raise FileExistsError(f"{path} exists: what is frozen stays; choose another name")
    folder = folder or pipeline.reports
    files = {p.relative_to(folder).as_posix(): receipt.describe(p) for p in _submitted(folder)}
    if not files:
        raise FileNotFoundError(f"{folder} holds no files: run make thesis and make pdf first")
    receipts = {run: _fingerprint(pipeline, run) for run in pipeline.runs}
    manifest = {
        "name": name,
        "frozen": receipt.now(),
        "profile": pipeline.profile,
        "git": {k: v for k, v in provenance(pipeline.root).items() if k.startswith("git")},
        "receipts": {run: found for run, found in receipts.items() if found},
        "files": {file: [facts.bytes, facts.sha256] for file, facts in files.items()},
    }
    atomic.write_json(path, manifest | {"seal": _seal(manifest)})
    return path


def verify_frozen(pipeline: Pipeline, name: str, folder: Path | None = None) -> FrozenComparison:
    """Compare a folder with what was frozen under a name.

    Raises
    ------
    FileNotFoundError
        If nothing is frozen under the name; lists what is.
    ValueError
        If the manifest itself was changed.
    """
    path = manifest_path(pipeline, name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.json"))) or "nothing"
        raise FileNotFoundError(
            f"nothing is frozen as {name!r}; frozen: {known} (brnb freeze NAME)"
        )
    manifest = _read(path)
    folder = folder or pipeline.root / "reports" / manifest["profile"]
    listed = {
        file: receipt.Artefact(bytes=b, sha256=h) for file, (b, h) in manifest["files"].items()
    }
    verifier = receipt.Verifier(Path("unused"), anew=True)
    found = ((file, verifier.problem(folder / file, facts)) for file, facts in listed.items())
    return FrozenComparison(
        name, len(listed), [f"{folder / f} is {why}" for f, why in found if why]
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
        seal = manifest.pop("seal")
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{path} is no manifest of brnb freeze: git checkout {path}") from None
    if seal != _seal(manifest):
        raise ValueError(f"{path} was changed since it was written: git checkout {path}")
    return manifest


def _seal(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _submitted(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if path.is_file() and path.suffix not in _PASSING and not _FOLDERS & set(inside):
            yield path


def _fingerprint(pipeline: Pipeline, run: str) -> str | None:
    try:
        return pipeline.receipt_of(run).fingerprint
    except (FileNotFoundError, ValueError):
        return None
