"""Runs that start together take different GPUs; one too many waits. nvidia-smi is a stand-in."""

import os
import subprocess
import sys

import pytest

from brnb import gpus
from brnb.cli import main

UUIDS = ("GPU-aaaa-1", "GPU-bbbb-2")
SHOWS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True)"
SHOWS_AND_STAYS = f"{SHOWS}; input()"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A project's folder on a machine with two GPUs."""
    listed = "\\n".join(f"GPU {n}: NVIDIA H200 (UUID: {uuid})" for n, uuid in enumerate(UUIDS))
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{listed}\\n'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def start(folder, script, count=1):
    """A process that becomes `script` on free GPUs; whose words and keyboard are ours."""
    call = f"from brnb.gpus import run_on_free_gpus as run; run({[sys.executable, '-c', script]!r}"
    code = f"from pathlib import Path; {call}, Path({str(folder)!r}), {count})"
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def test_two_runs_take_two_gpus_and_a_third_waits_for_the_first_to_end(machine):
    first = start(machine, SHOWS_AND_STAYS)
    assert first.stdout.readline().strip() == UUIDS[0]
    second = start(machine, SHOWS_AND_STAYS)
    assert second.stdout.readline().strip() == UUIDS[1]
    third = start(machine, SHOWS)
    assert third.stderr.readline() == "waiting for 1 of 2 GPUs to be free\n"
    first.kill()  # whatever way it ends
    assert third.communicate()[0].strip() == UUIDS[0]
    second.communicate("\n")
    first.communicate()


def test_a_training_on_two_gpus_waits_until_both_are_free(machine):
    one = start(machine, SHOWS_AND_STAYS)
    one.stdout.readline()
    both = start(machine, SHOWS, count=2)
    assert both.stderr.readline() == "waiting for 2 of 2 GPUs to be free\n"
    one.communicate("\n")
    assert both.communicate()[0].strip() == ",".join(UUIDS)


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        ("1", UUIDS[1:]),
        ("GPU-aaaa-1", UUIDS[:1]),
        ("", ()),
        ("7", ()),
        ("1, 0", UUIDS[::-1]),
        ("-1", ()),
        ("1,-1,0", UUIDS[1:]),
        ("GPU-b", UUIDS[1:]),
        ("MIG-c", ("MIG-c",)),
    ],
)
def test_hidden_gpus_are_not_taken(machine, monkeypatch, chosen, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible_gpus() == list(seen)


def test_more_gpus_than_there_are_name_the_variable(machine):
    with pytest.raises(ValueError, match="BRNB_PROCESSES = 3 wants as many GPUs and 2 can be"):
        gpus.take_gpus(machine, 3)


def test_without_a_driver_the_command_runs_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus.shutil, "which", lambda name: None)
    ran = []
    monkeypatch.setattr(os, "execvp", lambda file, arguments: ran.append((file, arguments)))
    main(["gpu", "papermill", "a.ipynb", "b.ipynb", "-f", "p.yaml", "--log-output"])
    assert ran == [
        ("papermill", ["papermill", "a.ipynb", "b.ipynb", "-f", "p.yaml", "--log-output"])
    ]
