"""The profile for SLURM clusters: all chapters dry, and what a stand-in for sbatch gets."""

import re

import pytest
from thesis_copy import ENVIRONMENT, call, copy_project

COMMAND = ("snakemake", "--profile", "profiles/slurm")


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path / "project")


def test_a_dry_run_gives_a_gpu_to_chapters_that_train_and_to_no_other(project):
    done = call(project, *COMMAND, "--dry-run", "--quiet", "host", timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    jobs = dict(re.findall(r"wildcards: run=(\w+)\n.*?gpu=(\d)", done.stdout, re.DOTALL))
    assert len(jobs) == len(list((project / "params/smoke").glob("*.yaml")))
    without = {"corpus", "tokenizer", "rarity", "track1", "costs", "claims_audit"}
    assert {run for run, gpus in jobs.items() if gpus == "0"} == without


def test_sbatch_is_asked_for_time_memory_and_the_chapter(project, monkeypatch):
    programmes = project / "bin"
    programmes.mkdir()
    for name in ("sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo"):
        refuses = 'echo "$@" > sbatch.args; exit 1' if name == "sbatch" else "exit 0"
        (programmes / name).write_text(f"#!/bin/sh\n{refuses}\n")
        (programmes / name).chmod(0o755)
    monkeypatch.setitem(ENVIRONMENT, "PATH", f"{programmes}:{ENVIRONMENT['PATH']}")
    monkeypatch.setitem(ENVIRONMENT, "PROFILE", "smoke")
    soon = "--slurm-init-seconds-before-status-checks", "1", "--retries", "0"
    done = call(project, *COMMAND, *soon, "work/smoke/done/rarity", timeout=900)
    assert done.returncode != 0
    asked = (project / "sbatch.args").read_text()
    assert " -t 1440 --mem 32768 " in asked
    assert "--export=ALL" in asked  # PROFILE and BRNB_DATA travel
    assert "'run:run=rarity'" in asked
    assert "--gpus" not in asked
