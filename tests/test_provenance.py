"""Provenance: what an examiner asks; a tree is dirty only where results come from."""

import hashlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

from brnb import provenance


@pytest.fixture
def repository(tmp_path):
    def git(*words):
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    for name in ("brnb/run.py", "params/smoke/v1.yaml", "notebooks/01.ipynb", "reports/lab/a.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    return tmp_path


def test_a_report_that_a_run_rewrites_is_no_change(repository):
    (repository / "reports/lab/a.json").unlink()
    (repository / "out.ipynb").write_text("")
    found = provenance.provenance(repository)
    assert found["git_dirty"] is False
    assert len(found["git_commit"]) == 40


@pytest.mark.parametrize("name", ["brnb/run.py", "brnb/new.py", "params/smoke/v1.yaml"])
def test_code_and_parameters_that_the_commit_lacks_are(repository, name):
    (repository / name).write_text("2")
    assert provenance.provenance(repository)["git_dirty"] is True


def test_the_lock_file_is_known_by_its_hash(repository):
    found = provenance.provenance(repository)
    expected = hashlib.sha256(b"numpy==2.0\n").hexdigest()
    assert found["lock_sha256"] == {"requirements.lock": expected}


def test_outside_of_git_it_says_nothing_of_it(tmp_path):
    found = provenance.provenance(tmp_path)
    assert found["git_commit"] is found["git_dirty"] is None
    assert found["lock_sha256"] == {}


def test_a_gpu_is_described_with_cuda_and_driver(monkeypatch):
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        get_device_name=lambda: "NVIDIA H200",
        get_device_properties=lambda: SimpleNamespace(total_memory=150_000_000_000),
        device_count=lambda: 2,
    )
    torch = SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda="12.8"))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(provenance, "_said", lambda command: "570.1\n570.1")
    assert provenance.gpus() == {
        "gpu": "NVIDIA H200",
        "gpu_memory": 150_000_000_000,
        "gpu_count": 2,
        "cuda": "12.8",
        "driver": "570.1",
    }


def test_without_a_gpu_all_of_that_is_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert set(provenance.gpus().values()) == {None}
