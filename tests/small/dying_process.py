"""What test_train_killed.py runs: `dying_process.py DIR` trains every form and dies on the way.

One process imports PyTorch, once, and forks a child for every attempt; a child that is to die
sends itself SIGKILL in a step, or a timer does while it computes or writes.
"""

import hashlib
import json
import os
import random
import signal
import sys
import threading
import traceback
from pathlib import Path

import torch
from tiny_training import FORMS, TRAIN, VALIDATION, prepare
from tqdm import tqdm

from brnb.train.loop import Training, train


def die():
    """As a power cut would have it: nothing is finished, flushed or closed."""
    os.kill(os.getpid(), signal.SIGKILL)


def attempt(form, folder, dies_in=None, dies_after=None):
    """Train to the end and note what came out, or die in a step or after some seconds."""
    model, params = prepare(form)
    steps = 0

    def hook(module, _):
        nonlocal steps
        steps += module.training
        if steps == dies_in:
            die()

    model.register_forward_pre_hook(hook)
    if dies_after is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, Python unasked
        signal.setitimer(signal.ITIMER_REAL, dies_after)
    history = train(model, TRAIN, VALIDATION, params, folder, "data", keep="best")
    signal.setitimer(signal.ITIMER_REAL, 0)
    bits = b"".join(weight.numpy().tobytes() for weight in model.state_dict().values())
    left = {
        "weights": hashlib.sha256(bits).hexdigest(),
        "train": history.train,
        "validation": history.validation,
        "interruptions": history.interruptions,
    }
    (folder / "left.json").write_text(json.dumps(left))


def in_child(*arguments, **keywords):
    """Call `attempt` in a fork; returns the signal that ended it, or 0."""
    child = os.fork()
    if child == 0:
        tqdm.set_lock(threading.RLock())  # its own is shared with forks: the dead would keep it
        try:
            attempt(*arguments, **keywords)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"{arguments} failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder: Path) -> None:
    """Every form whole, and in pieces: killed in random steps, and once at a random moment."""
    torch.set_num_threads(1)
    model, params = prepare("v7")  # imports and hashes for seconds, which no child should have to
    Training(model, TRAIN, params, folder, "data").optimizer.step()
    chance = random.Random(8)
    for form in FORMS:
        assert in_child(form, folder / form / "whole") == 0
        pieces = folder / form / "pieces"
        for _ in range(2):
            # From the third step on: what the first one left is on disk by then.
            assert in_child(form, pieces, dies_in=chance.randint(3, 6)) == signal.SIGKILL
        in_child(form, pieces, dies_after=chance.uniform(0.01, 0.1))
        assert in_child(form, pieces) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
