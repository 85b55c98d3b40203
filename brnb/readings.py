"""What files of the package say, remembered between processes: reading them all takes seconds.

The memory lies beside Python's own compiled files and is as safe to delete. It cannot lie: an entry
counts only for the bytes that it was read from, by the same code and the same Python, and the whole
only if it has the hash that it was written with.
"""

import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from brnb.atomic import write_atomic

V = TypeVar("V")


class Readings:
    """Values read from files, by the name of the file.

    Parameters
    ----------
    memory
        The file that holds them.
    readers
        Source files of the code that makes a value of bytes; when one changes, all is read anew.
    """

    def __init__(self, memory: Path, readers: Iterable[Path]) -> None:
        self._memory = memory
        self._reader = hashlib.sha256(sys.version.encode())
        for path in readers:
            self._reader.update(hashlib.sha256(path.read_bytes()).digest())
        self._entries = _load(memory)
        self._is_saved = True

    def recall(self, name: str, content: bytes, read: Callable[[], V]) -> V:
        """The value of a file with this content: as remembered, else as `read` returns it.

        Parameters
        ----------
        name
            Of the file; its last value alone is kept.
        content
            All bytes of the file.
        read
            Makes the value, which JSON must be able to hold; what it raises is not remembered.
        """
        reader = self._reader.copy()
        reader.update(json.dumps(name).encode())
        reader.update(content)
        key, (known, value) = reader.hexdigest(), self._entries.get(name, ("", None))
        if key != known:
            value = read()
            self._entries[name], self._is_saved = (key, value), False
        return value

    def save(self) -> None:
        """Keep what was read for the next process, where that is possible."""
        if self._is_saved:
            return
        body = json.dumps(self._entries, ensure_ascii=False).encode("utf-8", "surrogatepass")
        with suppress(OSError):  # full, or read-only: reading must go on
            write_atomic(self._memory, _seal(body) + b"\n" + body)
        self._is_saved = True


def beside_bytecode(source: str, suffix: str) -> Path:
    """Where Python keeps what it compiles of a source file, with another suffix."""
    return Path(importlib.util.cache_from_source(source)).with_suffix(suffix)


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _load(memory: Path) -> dict[str, Any]:
    """All entries of a memory; none if it is not there, or not as it was written."""
    with suppress(OSError):
        seal, _, body = memory.read_bytes().partition(b"\n")
        if seal == _seal(body):
            return dict(json.loads(body.decode("utf-8", "surrogatepass")))
    return {}
