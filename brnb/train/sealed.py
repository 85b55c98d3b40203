"""Files that end with the SHA-256 of all that stands before: whole, or known not to be.

The hash lies in the file itself, so that both come to their place in one renaming.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

_MARK = b"\nsha256 "
_SEAL_BYTES = len(_MARK) + 64 + 1  # the mark, the hash in hexadecimal digits, a newline
_BLOCK = 2**22


class Writer(Protocol):
    """What a serialiser needs of a file that it writes from front to end."""

    def write(self, data: bytes, /) -> int:
        """Write all of it."""

    def flush(self) -> None:
        """Give to the system what is still in memory."""


class DamagedError(ValueError):
    """A file is not what was once written."""


def write(path: Path, serialise: Callable[[Writer], None], previous: Path | None = None) -> None:
    """Replace a file by another one, whole and on disk, or not at all.

    Parameters
    ----------
    serialise
        Writes the content.
    previous
        Where the file that was there goes.

    Raises
    ------
    OSError
        If there is no room, or no permission; names the file. What was there is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            _write_sealed(file, serialise)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
    if previous and path.is_file():
        path.replace(previous)
    partial.replace(path)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Open a file that `write` wrote, after a look at every byte of it.

    Raises
    ------
    DamagedError
        If it was cut or changed since; names the file.
    """
    with path.open("rb") as file:
        size = path.stat().st_size - _SEAL_BYTES
        hashed, left = hashlib.sha256(), max(size, 0)
        while left and (block := file.read(min(_BLOCK, left))):
            hashed.update(block)
            left -= len(block)
        if size < 0 or file.read() != _seal(hashed):
            raise DamagedError(f"{path} is damaged (its SHA-256 differs)")
        file.seek(0)
        yield file


class _Hashing:
    """Passes on what is written, and remembers its hash and what went wrong."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hashed = hashlib.sha256()
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        self.hashed.update(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()


def _write_sealed(file: BinaryIO, serialise: Callable[[Writer], None]) -> None:
    stream = _Hashing(file)
    try:
        serialise(stream)
    except RuntimeError:
        if stream.error:  # PyTorch tells of a full disk as of a wrong position
            raise stream.error from None
        raise
    file.write(_seal(stream.hashed))
    file.flush()
    os.fsync(file.fileno())


def _seal(hashed: "hashlib._Hash") -> bytes:
    return _MARK + hashed.hexdigest().encode() + b"\n"
