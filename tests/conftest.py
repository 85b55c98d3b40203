"""A small project of two chapters, run without a kernel; how processes share the tests."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from mini_project import FIRST, SECOND, execute, write_notebook

# No deadline for an example, and none for drawing it: the first one imports what it needs, and
# machines are shared. The same examples every time: only a change may break a test. `make fuzz`
# and ``--hypothesis-profile new`` look for others.
settings.register_profile("new", deadline=None, derandomize=False)
settings.register_profile(
    "shared", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("new" if "BRNB_FUZZ" in os.environ else "shared")


# The longest files, begun first: none is left for the end, when the other process has no work. The
# first makes the thesis; what reads it comes when it is there, instead of waiting for it.
LONGEST = (
    *("test_interruption.py", "test_guide.py", "test_lab.py", "test_papermill.py"),
    *("test_slurm_profile.py", "test_train_memory.py", "test_train_parallel.py"),
    *("test_finetune_loop.py", "test_faults_kill.py", "test_faults_disk.py", "test_thesis.py"),
)


def pytest_configure(config: pytest.Config) -> None:
    """A thread for each of the processes that share the cores: more would wait, spinning."""
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # which they are started with


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in the order of `LONGEST`; the rest as it was."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``made_once("name", make)``: a folder that ``make(folder)`` fills, in one process for all.

    Whoever of the processes that share the tests asks first makes it; the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], Any]) -> Path:
        path, made = shared / name, shared / f"{name}.made"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                path.mkdir()
                make(path)
                made.touch()
        return path

    return folder


@pytest.fixture(autouse=True)
def _whole_floats() -> Iterator[None]:
    """A training flushes subnormal numbers to zero; Hypothesis refuses to work so."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Chapters 01_first and 02_second, the second needing the first; the current folder."""
    for folder in ("notebooks", "params/smoke"):
        (tmp_path / folder).mkdir(parents=True)
    common = {"profile": "smoke", "seed": 1, "lang": "pt", "price_list": "vast_ai_p25"}
    write_notebook(tmp_path / "notebooks/01_first.ipynb", FIRST, common | {"run_id": "first"})
    write_notebook(tmp_path / "notebooks/02_second.ipynb", SECOND, common | {"run_id": "second"})
    for run in ("first", "second"):
        (tmp_path / f"params/smoke/{run}.yaml").write_text(f"profile: smoke\nrun_id: {run}\n")
    (tmp_path / "params/pipeline.yaml").write_text(
        "runs:\n  first: {notebook: 01_first}\n  second: {notebook: 02_second, needs: [first]}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_chapter(project: Path) -> Callable[..., dict[str, Any]]:
    """``run_chapter("first", price_list="x")`` executes a chapter of `project`."""

    def run(name: str, **overrides: Any) -> dict[str, Any]:
        return execute(next((project / "notebooks").glob(f"*_{name}.ipynb")), **overrides)

    return run


@pytest.fixture
def done(project: Path, run_chapter: Callable[..., dict[str, Any]]) -> Path:
    """`project` after both chapters were run."""
    run_chapter("first")
    run_chapter("second")
    return project
