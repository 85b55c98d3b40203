"""The receipt of a run: what was run, on what, with which result; written last, atomically.

A run counts as done only if its receipt says so and every artefact still has the bytes that the
receipt lists. Nothing else is trusted: papermill calls a killed kernel's cells "completed". A
receipt holds a hash of its own content, its seal, so that one that was damaged or edited is seen.
"""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from brnb.atomic import write_json
from brnb.fingerprint import digest


class Artefact(BaseModel):
    """A file that a run left: its size in bytes and SHA-256."""

    bytes: int
    sha256: str


class Receipt(BaseModel):
    """Everything an examiner asks about a run; identity first, then provenance, then results."""

    model_config = ConfigDict(extra="forbid")

    run: str
    notebook: str
    profile: str
    state: Literal["done"]  # anything else is in started.json
    fingerprint: str
    code: dict[str, str]
    params: dict[str, Any]
    needs: dict[str, str]  # fingerprint of every upstream run
    needs_content: dict[str, str]  # what each upstream run had left
    inputs: dict[str, Artefact]  # files from outside the project
    unclean: list[str]  # why the result may not be the saved code's (see Run.close)
    seed: int
    defaults_changed: dict[str, Any]
    unread: list[str]
    started: str
    seconds: float
    resources: dict[str, Any]
    provenance: dict[str, Any]
    metrics: dict[str, Any]
    numbers: dict[str, dict[str, Any]]
    artefacts: dict[str, Artefact]  # by path relative to reports/<profile>
    seal: str | None = None  # of all above; receipts of before 2026-12 have none

    def content(self) -> str:
        """Hash of what the run hands on to the runs that read it.

        These are the metrics and the files of ``runs/<run>``, none of which holds a time. Tables
        and figures are for people, and ``resources`` are other seconds every time: neither counts,
        so that the same run again leaves whoever read it done.
        """
        left = {
            name: artefact.sha256
            for name, artefact in self.artefacts.items()
            if name.startswith("runs/")
        }
        return digest({"artefacts": left, "metrics": self.metrics})


def write_receipt(path: Path, result: Receipt) -> None:
    """Write a receipt and its seal."""
    content = json.loads(json.dumps(result.model_dump(exclude={"seal"}), allow_nan=False))
    write_json(path, content | {"seal": digest(content)})


def read_receipt(path: Path) -> Receipt:
    """Read a receipt.

    Raises
    ------
    ValueError
        If the file is truncated, is not a receipt, or is not as it was written; names it.
    """
    data = path.read_bytes()
    try:
        result = Receipt.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{path}: not a valid receipt: {where} {problem['msg']}") from None
    content = json.loads(data)
    if result.seal and content.pop("seal") != digest(content):
        raise ValueError(f"{path}: not a valid receipt: it was changed since it was written")
    return result


def describe(path: Path) -> Artefact:
    """Size and SHA-256 of a file."""
    with path.open("rb") as f:
        return Artefact(
            bytes=path.stat().st_size, sha256=hashlib.file_digest(f, "sha256").hexdigest()
        )


class Verifier:
    """Compares files with what receipts list, hashing a file again only if it was touched.

    Hashes are remembered by path, size and modification time in one JSON file, as git does in its
    index: a look at gigabytes of artefacts takes milliseconds.

    Parameters
    ----------
    memory
        The JSON file.
    anew
        Hash every file, whatever is remembered: a bit that fell over leaves no time behind.
    """

    def __init__(self, memory: Path, anew: bool = False) -> None:
        self._memory = memory
        self._known: dict[str, str] = {} if anew else _remembered(memory)

    def problem(self, path: Path, listed: Artefact) -> str | None:
        """Why the file is not the listed one (missing, truncated, altered), or None."""
        if not path.is_file():
            return "missing"
        stat = path.stat()
        if stat.st_size != listed.bytes:
            kind = "truncated" if stat.st_size < listed.bytes else "altered"
            return f"{kind} ({stat.st_size} bytes, receipt says {listed.bytes})"
        key = f"{path}:{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
        if key not in self._known:
            self._known[key] = describe(path).sha256
        return None if self._known[key] == listed.sha256 else "altered (its SHA-256 differs)"

    def save(self) -> None:
        """Keep what was hashed for the next look, where that is possible."""
        with suppress(OSError):  # full, or read-only: looking must go on
            write_json(self._memory, self._known)


def _remembered(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, str)} if isinstance(known, dict) else {}


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
