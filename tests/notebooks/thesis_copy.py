"""A copy of the project with small parameters, and commands run in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OMP_NUM_THREADS": "1",  # as Snakemake gives a chapter: the same bits need the same threads
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
}


def call(project: Path, *command: str, **options) -> subprocess.CompletedProcess:
    """Run a command in a project; its output is captured as text."""
    captured = {"capture_output": True, "text": True, "check": False}
    return subprocess.run(command, cwd=project, env=ENVIRONMENT, **captured, **options)


def copy_project(folder: Path, profile: str = "smoke") -> Path:
    """Copy notebooks, parameters and workflow, with the values of overrides.yaml."""
    for name in ("notebooks", "params", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Snakefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    overrides = yaml.safe_load((Path(__file__).parent / "overrides.yaml").read_text("utf-8"))
    for run, values in overrides.items():
        file = folder / "params" / profile / f"{run}.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")) | values))
    return folder
