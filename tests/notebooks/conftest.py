"""The whole thesis, executed once, small, through Snakemake and papermill."""

from pathlib import Path

import pytest
from thesis_copy import call, copy_project


@pytest.fixture(scope="session")
def thesis(tmp_path_factory) -> Path:
    """The whole thesis, executed small."""
    project = copy_project(tmp_path_factory.mktemp("thesis") / "project")
    done = call(project, "snakemake", timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert call(project, "brnb", "report").returncode == 0
    return project
