"""Who, where and with what a run was executed: git, Python, packages, processor, GPU.

What an examiner asks for (dissertation, 4.4.1.2), for the receipt. Nothing here asks torch unless
the run has imported it: a chapter of tables should not pay for it.
"""

import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("torch", "transformers", "tokenizers", "sentencepiece", "datasets", "pyarrow", "peft"),
    *("bitsandbytes", "safetensors", "numpy", "pandas", "matplotlib", "rouge-score"),
    *("papermill", "nbconvert"),
)
SHAPES_RESULTS = ("brnb", "notebooks", "params")  # folders that make a commit not the whole truth


def provenance(root: Path) -> dict[str, Any]:
    """All of it, for a run of the project at `root`."""
    changes = _said(["git", "status", "--porcelain", "--", *SHAPES_RESULTS], root)
    return {
        "git_commit": _said(["git", "rev-parse", "HEAD"], root),
        "git_dirty": None if changes is None else bool(changes),
        "lock_sha256": lock_hashes(root),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        **gpus(),
    }


def lock_hashes(root: Path) -> dict[str, str]:
    """SHA-256 of each lock file of a project, by its name: which packages it installs."""
    locks = sorted(root.glob("requirements*.lock"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in locks}


def gpus() -> dict[str, Any]:
    """Name, bytes of memory and number of the GPUs that can be seen, CUDA and driver version.

    ``gpu_memory`` is that of one. All are None if this process has touched no GPU.
    """
    name = gpu_name()
    if name is None:
        return dict.fromkeys(("gpu", "gpu_memory", "gpu_count", "cuda", "driver"))
    torch = sys.modules["torch"]
    drivers = _said(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    return {
        "gpu": name,
        "gpu_memory": torch.cuda.get_device_properties().total_memory,
        "gpu_count": torch.cuda.device_count(),
        "cuda": torch.version.cuda,
        "driver": drivers.split("\n")[0] if drivers else None,
    }


def gpu_name() -> str | None:
    """Name of the GPU that this process has touched, or None."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return str(torch.cuda.get_device_name())


def _said(command: list[str], folder: Path | None = None) -> str | None:
    """What a command prints, or None if it is absent or fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(
                line.split(":", 1)[1].strip() for line in f if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
