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
from pathlib import Path

import torch
from forked import in_fork
from tiny_training import FORMS, TRAIN, VALIDATION, prepare

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


def call(*arguments, **keywords):
    """Call `attempt` in a fork; returns the signal that ended it, or 0."""
    code = in_fork(attempt, *arguments, **keywords)
    if code > 0:
        sys.exit(f"{arguments} failed")
    return -code


def main(folder: Path) -> None:
    """Every form whole, and in pieces: killed in random steps, and once at a random moment."""
    torch.set_num_threads(1)
    model, params = prepare("v7")  # imports and hashes for seconds, which no child should have to
    Training(model, TRAIN, params, folder, "data").optimizer.step()
    chance = random.Random(8)
    for form in FORMS:
        assert call(form, folder / form / "whole") == 0
        pieces = folder / form / "pieces"
        for _ in range(2):
            # From the third step on: what the first one left is on disk by then.
            assert call(form, pieces, dies_in=chance.randint(3, 6)) == signal.SIGKILL
        call(form, pieces, dies_after=chance.uniform(0.01, 0.1))
        assert call(form, pieces) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
