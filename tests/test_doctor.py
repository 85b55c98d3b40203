"""What the machine lacks is found, with the command that mends it."""

import subprocess
from importlib import metadata
from types import SimpleNamespace

import pytest

from brnb import doctor

LOCK = """# made by hand
numpy=={numpy} \\
    --hash=sha256:00
pandas==0.1 \\
    --hash=sha256:00
absent-here==1.0
appnope==0.1.4 ; sys_platform == 'darwin' \\
    --hash=sha256:00
"""


def test_pins_with_hashes_are_compared(project):
    lock = LOCK.format(numpy=metadata.version("numpy"))
    (project / "requirements.lock").write_text(lock)
    name, fine, text = doctor._packages()
    assert (name, fine) == ("packages", False)
    pandas = metadata.version("pandas")
    assert text.startswith(
        f"pandas {pandas} instead of 0.1; absent-here absent instead of 1.0: pip install -r "
    )


def test_packages_as_pinned(project):
    (project / "requirements.lock").write_text(f"numpy=={metadata.version('numpy')} \\\n")
    assert doctor._packages() == ("packages", True, "1 as in requirements.lock")


@pytest.fixture
def tex(monkeypatch):
    """``tex(commands, files)``: what this machine has of TeX."""

    def has(commands, files):
        monkeypatch.setattr(doctor.shutil, "which", lambda name: name if name in commands else None)
        found = SimpleNamespace(stdout="".join(f"/texmf/{name}\n" for name in files))
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: found)
        return doctor._latex()

    return has


def test_latex_without_portuguese_is_not_enough(tex):
    files = doctor.LATEX_FILES - {"brazil.ldf"}
    name, fine, text = tex({"latexmk", "kpsewhich"}, files)
    assert (name, fine) == ("latex", False)
    assert text.startswith("no brazil.ldf: apt-get install latexmk")


def test_latex_that_is_whole_and_latex_that_is_not_there(tex):
    assert tex({"latexmk", "kpsewhich"}, doctor.LATEX_FILES) == ("latex", True, "latexmk")
    assert tex(set(), ())[2].startswith("no latexmk: apt-get install latexmk")


def test_a_driver_whose_gpu_pytorch_does_not_see(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    assert doctor._gpu() == ("gpu", True, "none: everything runs on CPU")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert doctor._gpu()[1:] == (False, "this PyTorch is for CPUs: rm -r .venv && make .venv/ready")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert "driver for CUDA 13.0" in doctor._gpu()[2]


def test_a_clone_that_would_commit_outputs(project):
    assert doctor._git() == ("git", True, "no clone: receipts will name no commit")
    subprocess.run(["git", "init", "-q"], check=True)
    assert doctor._git() == ("git", False, "outputs would be committed: make git")
    for name in ("filter.nbstripout.clean", "diff.jupyternotebook.command"):
        subprocess.run(["git", "config", name, "x"], check=True)
    assert doctor._git() == ("git", True, "notebooks set up")


def test_data_that_is_named_and_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("BRNB_DATA", str(tmp_path))
    monkeypatch.setenv("BRNB_SUMMARIES", str(tmp_path / "none.jsonl"))
    monkeypatch.delenv("BRNB_INSTRUCTIONS", raising=False)
    named, absent = doctor._data()
    assert named == ("BRNB_DATA", True, str(tmp_path))
    assert absent[1] is False
    assert absent[2].endswith("export BRNB_SUMMARIES=<file or folder>")


def test_too_little_room_comes_with_what_makes_some():
    assert doctor._room("disk", 10.0, "mend") == ("disk", True, "10.0 GiB free")
    assert doctor._room("disk", 1.0, "mend") == ("disk", False, "1.0 GiB free, smoke wants 2: mend")
