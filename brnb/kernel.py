"""What the running kernel really did, against the saved notebook and code.

JupyterLab lets one run edited, extra or skipped cells, and a kernel keeps modules that were edited
since it started; papermill on a fresh kernel does none of these.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from brnb import fingerprint, progress
from brnb.params import literals
from brnb.sources import normalise

INTERRUPTED = {
    "pt": "Interrompido. Execute esta célula de novo: um treinamento continua do último "
    "checkpoint.\nPara recomeçar do zero, apague antes a pasta {work}.",
    "en": "Interrupted. Run this cell again: a training goes on from its last checkpoint.\n"
    "To begin anew, delete the folder {work} first.",
}


def _versions() -> dict[str, tuple[int, int]]:
    """Time and size of every source file of the package; no clock has to be right for that."""
    files = ((str(file), file.stat()) for file in fingerprint.PACKAGE.rglob("*.py"))
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in files}


_imported = _versions()  # before any module of a chapter
_loaded: dict[str, str] = {}  # hashes of the modules that this process has in memory


def remember(code: Mapping[str, str]) -> None:
    """Note the modules that this process imports as they are now."""
    now = _versions()
    for name, meaning in code.items():
        file = str(fingerprint.module_file(name))
        if file in now and now[file] == _imported.get(file):
            _loaded.setdefault(name, meaning)


def unclean(notebook: Path, code: Mapping[str, str], executed: Iterable[str]) -> list[str]:
    """Reasons why the result may not be that of the saved notebook and code; empty if it is.

    Parameters
    ----------
    notebook
        As saved.
    code
        `brnb.fingerprint.code` of it when the run was opened.
    executed
        Sources of the cells that the kernel ran; those that only assign parameters are left out.
    """
    cells = fingerprint.notebook_cells(notebook)
    saved = {normalise(source) for source, tags in cells if "parameters" not in tags}
    ran = {normalise(s) for s in executed if s.strip() and literals(s) is None}
    now = fingerprint.code(notebook)
    modules = [name for name in code if fingerprint.module_file(name)]
    edited = [name for name in modules if _loaded.get(name) != now.get(name)]
    reasons = {
        f"{len(ran - saved)} executed cells are not in the saved notebook": ran - saved,
        f"{len(saved - ran)} cells of the notebook were not executed": saved - ran,
        f"edited after the kernel imported them: {', '.join(edited)}": edited,
    }
    return [reason for reason, holds in reasons.items() if holds]


def watch_cells(failed: Callable[[str], None], lang: str, work: Path) -> None:
    """Call `failed` with the exception of every cell that raises one, if this is a kernel.

    An interrupt says in two lines how to go on, or to begin anew without what is in `work`, instead
    of a traceback through the libraries. When papermill shuts a kernel down it interrupts it first,
    which is no error worth a line.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return

    def after_cell(result: Any) -> None:
        error = result.error_in_exec or result.error_before_exec
        if error:
            first = str(error).strip().split("\n")[0]
            failed(f"{type(error).__name__}: {first}".removesuffix(": "))

    def interrupted(*_: Any, **__: Any) -> None:
        print(INTERRUPTED[lang].format(work=os.path.relpath(work)))

    progress.speak(lang)
    shell.events.register("post_run_cell", after_cell)
    shell.set_custom_exc((KeyboardInterrupt,), interrupted)
    if kernel := getattr(shell, "kernel", None):
        kernel.log.setLevel(logging.CRITICAL)
