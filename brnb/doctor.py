"""What the machine offers to the thesis, and what mends what it lacks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

from brnb.pipeline import DATA, find_root
from brnb.report.pdf import LATEX_PACKAGES

GIB = 2**30
ROOM = 2  # GiB that profile smoke wants, of memory and of disk
LATEX_FILES = {"brazil.ldf", "booktabs.sty", "caption.sty", "kvoptions.sty"}
LATEX_FILES |= {"fancyhdr.sty", "float.sty", "pdflscape.sty"}


def examine() -> Iterator[tuple[str, bool, str]]:
    """Name, whether it is fine, and what was found for each thing looked at, with what mends it."""
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11, 5)
    yield "python", fine, version if fine else f"{version}: make PYTHON=python3.12 .venv/ready"
    yield _packages()
    yield _gpu()
    yield _latex()
    yield _browser()
    yield _git()
    yield from _data()
    free = psutil.virtual_memory().available / GIB
    yield _room("memory", free, "close programs, or run one chapter at a time: snakemake --cores 1")
    disk = shutil.disk_usage(find_root()).free / GIB
    yield _room("disk", disk, "make clean deletes checkpoints and caches of finished runs")


def _room(name: str, gib: float, mend: str) -> tuple[str, bool, str]:
    fine = gib > ROOM
    said = f"{gib:.1f} GiB free"
    return name, fine, said if fine else f"{said}, smoke wants {ROOM}: {mend}"


def _gpu() -> tuple[str, bool, str]:
    """A GPU that the driver sees and PyTorch does not is no use."""
    import torch

    if torch.cuda.is_available():
        return "gpu", True, torch.cuda.get_device_name()
    if shutil.which("nvidia-smi") is None:
        return "gpu", True, "none: everything runs on CPU"
    if torch.version.cuda is None:
        return "gpu", False, "this PyTorch is for CPUs: rm -r .venv && make .venv/ready"
    mend = f"install a driver for CUDA {torch.version.cuda} or newer, or give the container the GPU"
    return "gpu", False, f"PyTorch sees none (docker run --gpus all): {mend}"


def _browser() -> tuple[str, bool, str]:
    """Only tests want one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    absent = "none: tests of JupyterLab and the book are skipped (apt-get install chromium)"
    return "chromium", True, path or absent


def _git() -> tuple[str, bool, str]:
    """Whether outputs stay out of commits and notebooks are compared as notebooks."""
    if shutil.which("git") is None or not (find_root() / ".git").exists():
        return "git", True, "no clone: receipts will name no commit"
    asked = ["git", "config", "--get-regexp", r"^(filter\.nbstripout|diff\.jupyternotebook)\."]
    said = subprocess.run(asked, cwd=find_root(), capture_output=True, text=True).stdout
    fine = "filter.nbstripout.clean" in said and "diff.jupyternotebook.command" in said
    return "git", fine, "notebooks set up" if fine else "outputs would be committed: make git"


def _data() -> Iterator[tuple[str, bool, str]]:
    """Variables that name data: what they name has to be there."""
    for name in ("DATA", "INSTRUCTIONS", "SUMMARIES"):
        if value := os.environ.get(f"{DATA}{name}"):
            there = Path(value).expanduser().exists()
            said = value if there else f"no {value}: export {DATA}{name}=<file or folder>"
            yield f"{DATA}{name}", there, said


def _latex() -> tuple[str, bool, str]:
    """Compare what TeX can find with what the document loads."""
    if shutil.which("latexmk") is None or shutil.which("kpsewhich") is None:
        return "latex", False, f"no latexmk: {LATEX_PACKAGES}"
    listed = subprocess.run(["kpsewhich", *LATEX_FILES], capture_output=True, text=True).stdout
    absent = LATEX_FILES - {Path(line).name for line in listed.splitlines()}
    if absent:
        return "latex", False, f"no {', '.join(sorted(absent))}: {LATEX_PACKAGES}"
    return "latex", True, str(shutil.which("latexmk"))


def _packages() -> tuple[str, bool, str]:
    """Compare what is installed with requirements.lock."""
    wrong, pins = [], 0
    for line in (find_root() / "requirements.lock").read_text("utf-8").splitlines():
        pinned = re.match(r"([A-Za-z0-9._-]+)==([^ ;+\\]+)([^;]*)$", line)
        if pinned is None:  # a hash, or a pin that may rightly be absent on this platform
            continue
        pins += 1
        try:
            have = metadata.version(pinned[1]).split("+")[0]
        except metadata.PackageNotFoundError:
            have = "absent"
        if have != pinned[2]:
            wrong.append(f"{pinned[1]} {have} instead of {pinned[2]}")
    mended = "pip install -r requirements.lock --no-deps --require-hashes"
    text = f"{'; '.join(wrong)}: {mended}" if wrong else f"{pins} as in requirements.lock"
    return "packages", not wrong, text
