"""Files that are whole or not there, whatever ends the process that writes them."""

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

# Of `write_atomic`, and of safetensors, which writes as carefully.
PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}|\.tmp[A-Za-z0-9]{6}")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that it is either whole or not there, also across a power cut.

    Raises
    ------
    OSError
        If there is no room, or no permission; names the file. What was there is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # see `sweep_partials`
    try:
        with partial.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # of a full disk it names no file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def sweep_partials(*folders: Path) -> list[Path]:
    """Delete what was left of files in folders when their writer was killed; return it.

    Only for who alone writes there: nothing tells a dead process's part from a living one's.
    """
    hidden = (path for folder in folders for path in folder.rglob(".*"))
    left = [path for path in hidden if PARTIAL.fullmatch(path.name) and path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return left


def write_json(path: Path, value: Any) -> None:
    """`write_atomic` of a value as readable JSON."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
