"""Advisory locks: one process at a time executes a run, or the thesis in a profile."""

import fcntl
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from brnb import receipt


class LockedError(RuntimeError):
    """Another process is at work on the same thing."""


_held: dict[Path, IO[str]] = {}
_LOOKS, _PAUSE = 20, 0.01  # whoever only looks at a lock has it for less than a millisecond


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
    if not any(_try(handle) for _ in range(_LOOKS)):
        handle.close()
        holder = lock_holder(path) or "another process"
        raise LockedError(
            f"{what} is already being executed by {holder}: wait for it, or stop it first"
        )
    handle.truncate(0)
    handle.write(f"pid {os.getpid()} on {platform.node()} since {receipt.now()}\n")
    handle.flush()
    _held[path] = handle


def _try(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_PAUSE)
        return False
    return True


def release_lock(path: Path) -> None:
    """Let go of a lock that this process holds."""
    _held.pop(path.absolute()).close()


def keep_through_exec(path: Path) -> None:
    """Let a lock that this process holds be held by the program that it becomes, too."""
    os.set_inheritable(_held[path.absolute()].fileno(), True)


def lock_holder(path: Path) -> str | None:
    """Who holds a lock file now ("pid 123 on host since …"), or None; the dead hold nothing.

    Looking needs no right to write: the folder may be another user's, or read-only.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return f.read().strip() or "another process"
    except (FileNotFoundError, PermissionError):
        pass
    return None


def holders(folder: Path) -> Iterator[str]:
    """Every lock that is held in a folder, and by whom: what no one may delete."""
    for path in sorted((*folder.rglob("lock"), *folder.rglob("*.lock"))):
        if holder := lock_holder(path):
            yield f"{path} is held by {holder}"
