"""What the training loop costs beside its arithmetic: Python of a step, and checkpoints.

    python benchmarks/training_overhead.py [shape ...]            (CPU or GPU)

The shapes are those of `training_speed.py`. Bare is what nobody can leave out: the loop's own
forward and backward pass (on a GPU, a replay of its CUDA graph), clipping, AdamW, on batches that
lie ready on the device. The loop adds cutting the batch, the schedule, micro-batches, sums,
progress, and reading the loss at the end of each window of `WINDOW` steps (chapters read it every
50 to 100). Both take turns on the same batches, weights and optimizer; the table shows the median
of the paired ratios, and its range.

A checkpoint is that of the same training: windows of steps that begin with a save, and last until
the thread has written it, beside windows that do not. So it counts what the saving stops, and what
the writing slows down.

The results go to ``benchmarks/results/training_overhead.json``, beside those of other shapes.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import torch
from torch import nn
from training_speed import GPT, SHAPES, Shape, text

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train.batches import Batch
from brnb.train.loop import Training

WINDOW, ROUNDS, SAVES = 25, 9, 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TINY = {
    "tiny LSTM": Shape(50, 1, 64, 0, 32, 8, {"embedding": 16}),
    "tiny GPT": Shape(64, 2, 64, 2, 32, 8, GPT),
}


def model(s: Shape) -> nn.Module:
    """Our model, from a fixed seed."""
    torch.manual_seed(0)
    if s.h:
        return TransformerLM(**s.params().choices(s.V))
    return RecurrentLM(s.V, s.d, s.L, s.form["embedding"])


class Bare:
    """The loop's step, clipping and optimizer, and nothing else."""

    def __init__(self, training: Training) -> None:
        self.training, self.state = training, training.state
        self.batches: Iterator[Batch] = cycle([training.data.batch(i) for i in range(WINDOW)])

    def step(self) -> None:
        """One optimizer step."""
        t, batch = self.training, next(self.batches)
        t.optimizer.zero_grad(set_to_none=True)
        _, self.state = t.gradients.step(batch.x, batch.y, self.state, 1.0)
        nn.utils.clip_grad_norm_(t.parameters, t.params.grad_clip)
        t.optimizer.step()


def seconds(run: Callable[[], None]) -> float:
    """Time of a run, the device waited for before and after."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def python_overhead(training: Training) -> dict[str, float]:
    """Milliseconds of a step, and what the loop adds to a bare one."""
    bare = Bare(training)

    def with_loop() -> None:
        training.step %= WINDOW  # the same batches
        for _ in range(WINDOW):
            training.advance()
        training.log()

    def without() -> None:
        for _ in range(WINDOW):
            bare.step()

    seconds(with_loop), seconds(without)
    pairs = []
    for i in range(ROUNDS):  # each goes first as often as the other
        order = (with_loop, without) if i % 2 else (without, with_loop)
        times = {run: seconds(run) for run in order}
        pairs.append((times[with_loop], times[without]))
    added = [ours / theirs - 1 for ours, theirs in pairs]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "loop_ms": round(ours / WINDOW * 1e3, 4),
        "bare_ms": round(theirs / WINDOW * 1e3, 4),
        "host_ms": round(host_seconds(training) * 1e3, 4),
        "loop_overhead": round(statistics.median(added), 4),
        "range": [round(min(added), 4), round(max(added), 4)],
    }


def host_seconds(training: Training) -> float:
    """Time that a step takes of Python; a GPU computes meanwhile, and waits only for more."""

    def once() -> float:
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        training.advance()
        return time.perf_counter() - start

    return statistics.median(once() for _ in range(WINDOW))


def checkpoint_cost(training: Training) -> dict[str, float]:
    """What a checkpoint delays the training, in seconds and as a share of its time."""
    training.save()  # the first allocates
    start = time.perf_counter()
    training.checkpoint.wait()
    writing = time.perf_counter() - start
    step = seconds(training.advance)
    steps = max(WINDOW, round(1.2 * writing / step))
    stopped = []

    def window(saving: bool) -> float:
        def run() -> None:
            if saving:
                training.save()
                stopped.append(time.perf_counter() - begun)
            for _ in range(steps):
                training.advance()

        begun = time.perf_counter()
        passed = seconds(run)
        if not training.checkpoint.is_written():
            raise AssertionError("the window ended before the checkpoint was written")
        return passed

    pairs = [(window(True), window(False)) for _ in range(SAVES)]
    delay = statistics.median(saving - plain for saving, plain in pairs)
    return {
        "checkpoint_bytes": training.checkpoint.path.stat().st_size,
        "checkpoint_stops_ms": round(statistics.median(stopped) * 1e3, 1),
        "checkpoint_writes_ms": round(writing * 1e3, 1),
        "checkpoint_delays_ms": round(delay * 1e3, 1),
        "share_at_60_s": round(delay / 60, 5),  # as chapters save in profile lab; paper: 300 s
    }


def measure(s: Shape) -> dict[str, float]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        row = text(s, 2_000_000)
        training = Training(model(s), row, s.params(device=DEVICE), Path(folder), "bench", s.fast)
        training.progress.disable = True
        training.advance()
        found = python_overhead(training)
        try:
            return found | checkpoint_cost(training)
        finally:
            training.checkpoint.wait()


def main(wanted: list[str]) -> None:
    """Print one JSON line a shape, and keep all of them."""
    torch.set_float32_matmul_precision("high")
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else f"{torch.get_num_threads()} CPU"
    machine = {"on": name, "torch": torch.__version__}
    path = Path(__file__).parent / "results" / "training_overhead.json"
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if {key: table.get(key) for key in machine} != machine:
        table = machine | {"shapes": {}}
    for name, shape in (SHAPES if DEVICE == "cuda" else TINY).items():
        if wanted and not any(name.startswith(start) for start in wanted):
            continue
        try:
            found = measure(shape)
        except Exception as error:  # the other shapes are still worth their time
            found = {"error": repr(error)}
        table["shapes"][name] = found
        print(json.dumps({"shape": name} | found), flush=True)
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
