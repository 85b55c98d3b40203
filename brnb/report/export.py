"""Copy results into a dissertation's folder without touching what its author wrote."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from brnb.atomic import write_atomic
from brnb.pipeline import Pipeline
from brnb.report import numbers, published
from brnb.report.references import bibliography, bibtex

MANIFEST = "brnb-manifest.json"
STYLES = ("brnb.sty", "brnbthesis.sty")
GENERATED = ("numbers.tex", "published.tex", "references.bib", "bibliography.tex")
FOLDERS = ("figures", "tables", "algorithms")


@dataclass(frozen=True)
class ExportReport:
    """What an export did, as paths relative to the destination."""

    written: list[str]
    unchanged: list[str]
    removed: list[str]
    conflicts: list[str]

    @property
    def ok(self) -> bool:
        """Whether the destination now holds the results."""
        return not self.conflicts

    def __str__(self) -> str:
        if self.ok:
            counts = (len(self.written), len(self.unchanged), len(self.removed))
            return "{} written, {} unchanged, {} removed".format(*counts)
        files = "\n".join(f"  {path}" for path in self.conflicts)
        return (
            "nothing was copied: these files are not from brnb export, or were edited since:\n"
            f"{files}\nmove or delete them, or export into another folder"
        )


def vouched(pipeline: Pipeline) -> dict[str, bytes]:
    """Tables, figures, algorithms, numbers and styles of a profile, by path.

    Only what a receipt lists is there, and only while it still has the listed bytes: what a run
    that failed has torn or left behind is not.

    Raises
    ------
    FileNotFoundError
        If the profile has no results yet.
    """
    files, recorded = _styles(), dict[str, dict[str, Any]]()
    for run in pipeline.runs:
        try:
            receipt = pipeline.receipt_of(run)
        except (FileNotFoundError, ValueError):
            continue
        recorded |= receipt.numbers
        for path, listed in receipt.artefacts.items():
            file = pipeline.reports / path
            if path.split("/")[0] in FOLDERS and file.is_file():
                content = file.read_bytes()
                if hashlib.sha256(content).hexdigest() == listed.sha256:
                    files[path] = content
    if len(files) == len(STYLES) and not recorded:
        raise FileNotFoundError(f"{pipeline.reports}: no results: run the chapters (make thesis)")
    lang = str(pipeline.params(pipeline.runs[0])["lang"])
    return files | {
        "numbers.tex": numbers.render(recorded, lang).encode(),
        "published.tex": published.render_published(lang).encode(),
        "references.bib": bibtex().encode(),
        "bibliography.tex": bibliography(lang).encode(),
    }


def export(source: Mapping[str, bytes], dest: Path) -> ExportReport:
    """Write files of a profile (`vouched`) into `dest`.

    ``brnb-manifest.json`` in `dest` lists what was written, with SHA-256. A file that is in the way
    and is not in the manifest, or differs from it, is a conflict; with one conflict nothing at all
    is copied. Files that an earlier export wrote and the profile no longer has are removed, unless
    they were edited.

    Parameters
    ----------
    source : mapping of path to bytes
        What is to lie in `dest`.
    dest : Path
        Created if it does not exist.

    Raises
    ------
    ValueError
        If the manifest in `dest` is not one that this function wrote.
    PermissionError
        If `dest` or a folder in it is read-only; nothing is copied then.
    """
    known = _read_manifest(dest)
    stale = {path for path in known if path not in source and (dest / path).is_file()}
    state = {path: _state(dest, path, content, known) for path, content in source.items()}
    report = ExportReport(
        written=[path for path, s in state.items() if s == "write"],
        unchanged=[path for path, s in state.items() if s == "same"],
        removed=sorted(path for path in stale if _sha256(dest / path) == known[path]),
        conflicts=[path for path, s in state.items() if s == "conflict"],
    )
    if not report.ok:
        return report
    _check_writable(dest)
    for path in report.written:
        write_atomic(dest / path, source[path])
    for path in report.removed:
        (dest / path).unlink()
    manifest = {path: hashlib.sha256(content).hexdigest() for path, content in source.items()}
    write_atomic(dest / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return report


def _styles() -> dict[str, bytes]:
    folder = resources.files("brnb.report")
    return {name: folder.joinpath(name).read_bytes() for name in STYLES}


def _check_writable(dest: Path) -> None:
    """Refuse before the first byte if a folder takes no files."""
    there = next(folder for folder in (dest, *dest.absolute().parents) if folder.exists())
    for folder in (there, *(dest / name for name in FOLDERS)):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise PermissionError(
                f"{folder} is read-only and nothing was copied: chmod u+w {folder}, or name "
                "another folder"
            )


def watch(
    results: Callable[[], Mapping[str, bytes]], dest: Path, seconds: float = 2.0, rounds: int = 0
) -> Iterator[ExportReport]:
    """Export again whenever the results change: a report for each time that something did.

    Parameters
    ----------
    results
        What to copy now (`vouched`).
    dest
        As in `export`; a conflict is reported once, and copying goes on when it is gone.
    seconds
        Between two looks.
    rounds
        Looks to take; 0 for ever.
    """
    last: str | None = None
    for look in count(1):
        report = export(results(), dest)
        if str(report) != last and (report.written or report.removed or not report.ok):
            yield report
        last = str(report)
        if look == rounds:
            return
        time.sleep(seconds)


def _read_manifest(dest: Path) -> dict[str, str]:
    path = dest / MANIFEST
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        ours = all(_is_ours(name) and isinstance(sha, str) for name, sha in manifest.items())
    except (ValueError, AttributeError, RecursionError):
        ours = False
    if not ours:
        raise ValueError(f"{path} is not a manifest of brnb export: restore it, or delete it")
    return {str(name): str(sha) for name, sha in manifest.items()}


def _is_ours(name: str) -> bool:
    """Whether export could have written `name`: a damaged manifest must not reach other folders."""
    parts = PurePosixPath(name).parts
    return parts in {(name,) for name in (*STYLES, *GENERATED)} or (
        len(parts) == 2 and parts[0] in FOLDERS and parts[1] != ".."
    )


def _state(dest: Path, path: str, content: bytes, known: dict[str, str]) -> str:
    target = dest / path
    if target.is_symlink() or target.parent.is_symlink():
        return "conflict"
    if not target.exists():
        return "conflict" if target.parent.exists() and not target.parent.is_dir() else "write"
    if not target.is_file():
        return "conflict"
    digest = _sha256(target)
    if digest == hashlib.sha256(content).hexdigest():
        return "same"  # also after an export that was cut short before its manifest
    return "write" if known.get(path) == digest else "conflict"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
