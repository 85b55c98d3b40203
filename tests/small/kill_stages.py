"""What test_faults_kill.py runs: `kill_stages.py DIR KILLS` kills every stage at random moments.

One process imports everything, once, and forks a child for every attempt. Each stage runs whole
first; then children are killed after a random part of that time, in a folder of their own, and the
next one goes on there. Prints one JSON line a stage.
"""

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import torch
from fault_stages import STAGES, artefacts
from tqdm import tqdm

CHANCE = random.Random(20)


def attempt(stage: str, folder: Path, seconds: float | None = None) -> int:
    """Run a stage in a fork, killed after so many seconds; returns the signal that ended it."""
    child = os.fork()
    if child == 0:
        tqdm.set_lock(threading.RLock())  # its own is shared with forks: the dead would keep it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            if seconds is not None:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, Python unasked
                signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
            STAGES[stage](folder)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"{stage} failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def drill(stage: str, folder: Path, kills: int) -> dict[str, int]:
    """Kill a stage until so many kills have hit it; up to three times before it may end."""
    start = time.perf_counter()
    attempt(stage, whole := folder / "whole")
    seconds, expected = time.perf_counter() - start, artefacts(whole)
    tried = lost = trials = 0
    while tried < kills and trials < 3 * kills:
        trials += 1
        pieces = folder / "pieces"
        shutil.rmtree(pieces, ignore_errors=True)
        pieces.mkdir(parents=True)
        hits = sum(
            bool(attempt(stage, pieces, CHANCE.uniform(0, seconds)))
            for _ in range(CHANCE.randint(1, 3))
        )
        attempt(stage, pieces)
        tried += hits
        lost += artefacts(pieces) != expected
    return {"tried": tried, "lost": lost, "files": len(expected)}


def main(folder: Path, kills: int) -> None:
    """Every stage in turn."""
    torch.set_num_threads(1)
    attempt("chapters", folder / "warm")  # caches of the file system
    for stage in STAGES:
        print(json.dumps({"stage": stage} | drill(stage, folder / stage, kills)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
