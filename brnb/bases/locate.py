"""Where a base or an adapter lies: in a run's folder, another folder, or on the hub."""

import os
from collections.abc import Callable
from pathlib import Path

from brnb.bases.packaged import PYPI, unpack

RUN = "run:"  # a parameter that begins so names a run, which the run then needs


def locate(name: str, need: Callable[[str], Path], part: str) -> str:
    """Where a base or an adapter lies: a run's artefact, a local folder, or a name of the hub.

    Parameters
    ----------
    name
        ``run:<id>``, ``pypi:<package>/<file>.gguf`` (`brnb.bases.packaged`), a path
        (``${BRNB_BASE}``, ``~/models/x``) or a hub id.
    need
        ``Run.need``: the folder of a run, verified.
    part
        What of a run's folder is meant: ``hf`` (exported model) or ``adapter``.

    Raises
    ------
    FileNotFoundError
        If the run left no such folder.
    """
    if name.startswith(PYPI):
        return str(unpack(name))
    if not name.startswith(RUN):
        path = Path(os.path.expandvars(name)).expanduser()
        return str(path) if path.is_dir() else name
    folder = need(name.removeprefix(RUN)) / part
    if not folder.is_dir():
        raise FileNotFoundError(f"{name} left no folder {part!r}: name a run that does")
    return str(folder)


def model_name(base: str) -> str:
    """What a table calls a base: its run, its file without ending, or the last part of its path."""
    if base.startswith(RUN):
        return base.removeprefix(RUN)
    return base.rstrip("/").rpartition("/")[2].removesuffix(".gguf")
