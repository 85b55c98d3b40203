"""The whole thesis, executed once, small, through Snakemake and papermill."""

import shutil
from pathlib import Path

import pytest
from thesis_copy import call, copy_project


@pytest.fixture(scope="session")
def executed(made_once) -> Path:
    """The whole thesis, executed small; tests read it, or copy it."""
    return made_once("thesis", _execute)


def _execute(project: Path) -> None:
    copy_project(project)
    done = call(project, "snakemake", timeout=5400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert call(project, "brnb", "report").returncode == 0


@pytest.fixture(scope="module")
def thesis(executed, tmp_path_factory) -> Path:
    """A copy of the executed thesis for the tests of a file."""
    return shutil.copytree(executed, tmp_path_factory.mktemp("thesis") / "project")
