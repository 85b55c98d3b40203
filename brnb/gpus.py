"""The GPUs of a machine, each for one run at a time: two trainings on one falsify both rates."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from brnb import locks

_PAUSE = 1.0  # seconds between two looks at GPUs that are all taken


def visible_gpus() -> list[str]:
    """UUIDs of the GPUs that a process started now would see; none without a driver.

    A UUID is the same GPU in every container and job, which a number is not.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    uuids = re.findall(r"^GPU \d+: .*\(UUID: (\S+)\)$", listed, re.MULTILINE)
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return uuids
    seen = []
    for name in map(str.strip, chosen.split(",")):
        if (gpu := _chosen(name, uuids)) is None:
            break  # as CUDA does: -1 hides all that follow
        seen.append(gpu)
    return seen


def _chosen(name: str, uuids: Sequence[str]) -> str | None:
    """The UUID that a part of CUDA_VISIBLE_DEVICES means: a number, a UUID or its beginning."""
    if name.isdigit():
        return uuids[int(name)] if int(name) < len(uuids) else None
    if name.startswith("MIG-"):  # a part of a GPU, which is not among them
        return name
    return next((uuid for uuid in uuids if name and uuid.startswith(name)), None)


def take_gpus(folder: Path, count: int) -> list[str]:
    """Wait until GPUs are free and keep them until this process ends, in whatever way it ends.

    Parameters
    ----------
    folder
        Where the locks lie, one a GPU: the same for all that share the machine.
    count
        How many are wanted at once.

    Returns
    -------
    UUIDs; none on a machine without a GPU, where all share the cores.

    Raises
    ------
    ValueError
        If more are wanted than the process sees.
    """
    gpus = visible_gpus()
    if not gpus:
        return []
    if count > len(gpus):
        raise ValueError(
            f"BRNB_PROCESSES = {count} wants as many GPUs and {len(gpus)} can be seen: "
            f"BRNB_PROCESSES={len(gpus)}, or see to CUDA_VISIBLE_DEVICES"
        )
    waits = False
    while len(taken := _take_free(folder, gpus, count)) < count:
        if not waits:
            print(f"waiting for {count} of {len(gpus)} GPUs to be free", file=sys.stderr)
            waits = True
        time.sleep(_PAUSE)
    return taken


def _take_free(folder: Path, gpus: Sequence[str], count: int) -> list[str]:
    """As many free GPUs as wanted, or none at all, so that no two processes wait for each other."""
    taken: list[str] = []
    for gpu in gpus:
        if len(taken) == count:
            break
        try:
            locks.hold_lock(folder / f"{gpu}.lock", f"GPU {gpu}")
        except locks.LockedError:
            continue
        taken.append(gpu)
    if len(taken) < count:
        for gpu in taken:
            locks.release_lock(folder / f"{gpu}.lock")
        return []
    return taken


def run_on_free_gpus(command: list[str], folder: Path, count: int = 1) -> NoReturn:
    """Become a command that sees the GPUs taken for it alone."""
    if taken := take_gpus(folder, count):
        for gpu in taken:
            locks.keep_through_exec(folder / f"{gpu}.lock")
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
    os.execvp(command[0], command)
