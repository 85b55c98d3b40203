"""Advisory locks: one process at a time executes a run, or the thesis in a profile."""

import fcntl
import os
from pathlib import Path
from typing import IO

from brnb import receipt


class LockedError(RuntimeError):
    """Another process is at work on the same thing."""


_held: dict[Path, IO[str]] = {}


def hold_lock(path: Path, what: str) -> None:
    """Hold an advisory lock until this process ends, in whatever way it ends.

    Raises
    ------
    LockedError
        If another process holds it; names the process.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _held.get(path) or path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        holder = lock_holder(path) or "another process"
        raise LockedError(
            f"{what} is already being executed by {holder}: wait for it, or stop it first"
        ) from None
    handle.truncate(0)
    handle.write(f"pid {os.getpid()} since {receipt.now()}\n")
    handle.flush()
    _held[path] = handle


def release_lock(path: Path) -> None:
    """Let go of a lock that this process holds."""
    _held.pop(path.absolute()).close()


def lock_holder(path: Path) -> str | None:
    """Who holds a lock file now ("pid 123 since …"), or None; a dead holder holds nothing."""
    try:
        with path.open("r+", encoding="utf-8") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return f.read().strip() or "another process"
            fcntl.flock(f, fcntl.LOCK_UN)
    except FileNotFoundError:
        pass
    return None
