"""Work that need not be done again: a note says of what it was made and what it left, by hashes.

File times mean nothing here. What it was made of is all of `brnb`, the installed packages and the
files that whoever asks names: more than it reads, never less.
"""

import hashlib
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from brnb.atomic import write_atomic
from brnb.fingerprint import PACKAGE


def hash_sources(files: Iterable[Path], *values: Any) -> str:
    """SHA-256 of everything that work depends on.

    Parameters
    ----------
    files
        What it reads, in an order that is always the same.
    values
        What else shapes it, as JSON has it.
    """
    package = (path for path in sorted(PACKAGE.rglob("*")) if "__pycache__" not in path.parts)
    installed = sorted(p.name for place in sys.path for p in Path(place).glob("*.dist-info"))
    return _hash([*package, *files], sys.version, installed, *values)


def is_done(note: Path, sources: str, left: Iterable[Path]) -> bool:
    """Whether `note_done` was the last to write the note, of the same sources and files."""
    try:
        return note.read_text("utf-8") == _noted(sources, left)
    except (OSError, UnicodeDecodeError):
        return False


def note_done(note: Path, sources: str, left: Iterable[Path]) -> None:
    """Note that work is done, where that is possible.

    Parameters
    ----------
    note
        The file.
    sources
        `hash_sources` of before the work began.
    left
        The files that the work wrote.
    """
    with suppress(OSError):  # full, or read-only: next time it is done again
        write_atomic(note, _noted(sources, left))


def _noted(sources: str, left: Iterable[Path]) -> str:
    return f"made of {sources}\nleft {_hash(left)}\n"


def _hash(files: Iterable[Path], *values: Any) -> str:
    whole = hashlib.sha256(json.dumps(values, ensure_ascii=False).encode())
    for path in files:
        if path.is_file():
            whole.update(hashlib.sha256(str(path).encode()).digest())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
