"""What the machine offers to the thesis: Python, packages, GPU, LaTeX, memory, disk."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

from brnb.pipeline import find_root
from brnb.report.pdf import LATEX_PACKAGES

GIB = 2**30
LATEX_FILES = {"babel-portuguese.ldf", "booktabs.sty", "caption.sty", "kvoptions.sty"}
LATEX_FILES |= {"fancyhdr.sty", "float.sty", "pdflscape.sty"}


def examine() -> Iterator[tuple[str, bool, str]]:
    """Name, whether it is fine, and what was found (with the fix) for each thing looked at."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield "python", sys.version_info >= (3, 11, 5), f"{version} (3.11.5 or newer is needed)"
    yield _packages()
    import torch

    gpu = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else "none: everything runs on CPU"
    )
    yield "gpu", True, gpu
    yield _latex()
    free = psutil.virtual_memory().available / GIB
    yield "memory", free > 2, f"{free:.1f} GiB free (smoke wants 2)"
    disk = shutil.disk_usage(find_root()).free / GIB
    yield "disk", disk > 2, f"{disk:.1f} GiB free (smoke wants 2)"


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
    text = "; ".join(wrong) or f"{pins} as in requirements.lock"
    return "packages", not wrong, text
