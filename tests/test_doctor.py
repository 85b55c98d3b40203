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
    assert text == f"pandas {pandas} instead of 0.1; absent-here absent instead of 1.0"


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
    files = doctor.LATEX_FILES - {"babel-portuguese.ldf"}
    name, fine, text = tex({"latexmk", "kpsewhich"}, files)
    assert (name, fine) == ("latex", False)
    assert text.startswith("no babel-portuguese.ldf: apt-get install latexmk")


def test_latex_that_is_whole_and_latex_that_is_not_there(tex):
    assert tex({"latexmk", "kpsewhich"}, doctor.LATEX_FILES) == ("latex", True, "latexmk")
    assert tex(set(), ())[2].startswith("no latexmk: apt-get install latexmk")
