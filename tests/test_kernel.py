"""What a kernel really did: failures are told, an interrupt in two lines, edits are seen."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from brnb import fingerprint, kernel
from brnb.progress import Paused


@pytest.fixture
def shell(monkeypatch):
    """A shell in which a run watches; `failures` is what it was told."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # which a shell replaces
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))  # it is the user's
    shell.failures = []
    shell.kernel = SimpleNamespace(log=logging.getLogger("test kernel"))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    kernel.watch_cells(shell.failures.append, "pt", Path.cwd() / "work/smoke/v1")
    return shell


def test_a_failed_cell_is_told_by_its_exception(shell, capsys):
    shell.run_cell("1 / 0")
    shell.run_cell("1 + 1")
    assert shell.failures == ["ZeroDivisionError: division by zero"]
    assert "Traceback" in capsys.readouterr().out


def test_an_interrupt_says_in_two_lines_how_to_go_on_and_how_to_begin_anew(shell, capsys):
    result = shell.run_cell("raise KeyboardInterrupt")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)  # papermill stops
    assert shell.failures == ["KeyboardInterrupt"]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Interrompido. Execute esta célula de novo")
    assert "work/smoke/v1" in second


def test_a_pause_is_answered_as_an_interrupt_is(shell, capsys):
    shell.user_ns["Paused"] = Paused
    assert isinstance(shell.run_cell("raise Paused").error_in_exec, KeyboardInterrupt)
    assert "Traceback" not in capsys.readouterr().out


def test_the_interrupt_of_a_kernel_that_ends_is_not_logged(shell):
    assert not shell.kernel.log.isEnabledFor(logging.ERROR)


def test_edited_modules_and_cells_are_seen(project, run_chapter, monkeypatch):
    notebook = project / "notebooks/01_first.ipynb"
    namespace = run_chapter("first")
    code = fingerprint.code(notebook)
    assert kernel.unclean(notebook, code, namespace["In"]) == []
    changed = code | {"brnb.text.clean": "another hash"}
    monkeypatch.setattr(fingerprint, "code", lambda _: changed)
    (why,) = kernel.unclean(notebook, code, namespace["In"])
    assert why == "edited after the kernel imported them: brnb.text.clean"
    assert "1 cells of the notebook were not executed" in kernel.unclean(
        notebook, code, namespace["In"][:-1]
    )


def test_files_dated_in_the_future_are_done_all_the_same(project, run_chapter, monkeypatch):
    """A clock that was ahead when the files were written, or is behind now."""
    now = kernel._versions()
    ahead = {file: (time + 15 * 86_400 * 10**9, size) for file, (time, size) in now.items()}
    monkeypatch.setattr(kernel, "_versions", lambda: ahead)
    monkeypatch.setattr(kernel, "_imported", ahead)  # a kernel that starts now
    monkeypatch.setattr(kernel, "_loaded", {})
    assert run_chapter("first")["receipt"].unclean == []
    edited = str(fingerprint.module_file("brnb.text.clean"))
    monkeypatch.setattr(kernel, "_versions", lambda: ahead | {edited: now[edited]})
    monkeypatch.setattr(kernel, "_loaded", {})
    (why,) = run_chapter("first")["receipt"].unclean
    assert why == "edited after the kernel imported them: brnb.text.clean"
