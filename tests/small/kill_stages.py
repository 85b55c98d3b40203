"""What test_faults_kill.py runs: `kill_stages.py DIR KILLS` kills every stage at random moments.

One process imports everything, once, and forks a child for every attempt. Each stage runs whole
first; then children are killed after a random part of that time, in a folder of their own, and the
next one goes on there. Prints one JSON line a stage.
"""

import json
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from fault_stages import STAGES, artefacts
from forked import in_fork

CHANCE = random.Random(20)


def attempt(stage: str, folder: Path, seconds: float | None = None) -> bool:
    """Run a stage in a fork, killed after so many seconds; returns whether that came first."""
    code = in_fork(run, stage, folder, seconds, quiet=True)
    if code > 0:
        sys.exit(f"{stage} failed")
    return code < 0


def run(stage: str, folder: Path, seconds: float | None) -> None:
    """A stage, in a process that ends after so many seconds."""
    if seconds is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, Python unasked
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    STAGES[stage](folder)


def drill(stage: str, folder: Path, kills: int) -> dict[str, Any]:
    """Kill a stage until so many kills have hit it; up to three times before it may end.

    ``lost`` counts the trials that ended with other files, and ``differing`` names these.
    """
    start = time.perf_counter()
    attempt(stage, whole := folder / "whole")
    seconds, expected = time.perf_counter() - start, artefacts(whole)
    tried = lost = trials = 0
    differing: set[str] = set()
    while tried < kills and trials < 3 * kills:
        trials += 1
        pieces = folder / "pieces"
        shutil.rmtree(pieces, ignore_errors=True)
        pieces.mkdir(parents=True)
        hits = sum(
            attempt(stage, pieces, CHANCE.uniform(0, seconds)) for _ in range(CHANCE.randint(1, 3))
        )
        attempt(stage, pieces)
        tried += hits
        left = artefacts(pieces)
        lost += left != expected
        differing |= {name for name, _ in left.items() ^ expected.items()}
    return {
        "tried": tried, "lost": lost, "files": len(expected), "differing": sorted(differing),
    }  # fmt: skip


def main(folder: Path, kills: int) -> None:
    """Every stage in turn."""
    torch.set_num_threads(1)
    attempt("chapters", folder / "warm")  # caches of the file system
    for stage in STAGES:
        print(json.dumps({"stage": stage} | drill(stage, folder / stage, kills)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
