"""One training on one GPU and on two: tokens per second, and weights spread over both.

    python benchmarks/data_parallel.py [RESULT.json]        (wants two GPUs; two CPU processes else)

Weak scaling: every GPU keeps the batch that it has alone, so that two do twice the work. Timed is
`brnb.train.loop.Training.advance` as a chapter calls it, in two processes that live for the whole
benchmark, in turns: one trains while the other waits, then the other; then each trains for itself
at the same time; then both together. No two GPUs are equally fast: the ratios are to the mean of
what each does alone, and to that of what each does for itself beside the other. Only the second
has both in the same state: a GPU that has just waited is cooler and for seconds a little faster,
which is why every timing follows `WARM_UP` steps.

Same losses: the same global batches on one GPU and on two that hold all weights each (replicated,
as above), or half of the weights, gradients and moments each (sharded, FSDP2; eager in both cases).
The losses have to be those of one GPU but for rounding, whose size a second training on one GPU
shows: the same batches in two parts.

Why not 2.0: of a step of the 124M, 60.3 ms alone and 62.8 together, about 0.8 are waiting for the
slower of two GPUs at their power limit (a sum of one number costs as much), 0.8 the sum of 249 MB
and the rest copies. The sum in fp32 takes 1.6. Sending while the backward pass still runs, in
buckets within the CUDA graph, took as long or longer with 2 to 32 of NCCL's blocks: they take
multiprocessors from products that fill all of them.
"""

import gc
import json
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from brnb.models.transformer import TransformerLM
from brnb.train import fast, gradients, sharding
from brnb.train.loop import Training
from brnb.train.parallel import launch
from brnb.train.params import TransformerParams
from brnb.train.recorded import make_step
from brnb.train.step import PlainStep

LLAMA = {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "bias": False}
GPT = {"norm": "layernorm", "position": "learned", "mlp": "gelu", "bias": True}
SHAPES: dict[str, dict[str, Any]] = {
    "v6 (34M)": LLAMA | {
        "vocab_size": 16_000, "width": 512, "layers": 8, "heads": 8, "hidden": 1408,
        "seq_len": 512, "batch_size": 128,
    },
    "GPT-2 124M": GPT | {
        "vocab_size": 50_304, "width": 768, "layers": 12, "heads": 12, "hidden": 3072,
        "seq_len": 1024, "batch_size": 32,
    },
}  # fmt: skip
SMALL: dict[str, dict[str, Any]] = {
    "v6 (34M), small batch": SHAPES["v6 (34M)"] | {"batch_size": 8},
    "GPT-2 355M": GPT | {
        "vocab_size": 50_304, "width": 1024, "layers": 24, "heads": 16, "hidden": 4096,
        "seq_len": 512, "batch_size": 4,
    },
}  # fmt: skip
SAME = (
    ("v6 (34M), small batch", "replicated", "fp32"),
    ("v6 (34M), small batch", "replicated", "bf16"),
    ("GPT-2 355M", "sharded", "fp32"),
    ("GPT-2 355M", "sharded", "bf16"),
)
TINY = GPT | {
    "vocab_size": 64, "width": 32, "layers": 2, "heads": 2, "hidden": 64, "seq_len": 16,
    "batch_size": 4,
}  # fmt: skip
WARM_UP, STEPS, ROUNDS, TURNS, LOSSES = 30, 15, 3, 2, 24
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def parameters(shape: dict[str, Any], processes: int) -> TransformerParams:
    """A run of this shape that never ends; `batch_size` is that of one GPU."""
    values = {name: value for name, value in shape.items() if name != "vocab_size"}
    values |= {"batch_size": shape["batch_size"] * processes, "kv_heads": shape["heads"]}
    return TransformerParams(
        profile="bench", run_id="bench", seed=1, lang="en", tokenizer="none", cleaning="v6",
        tokens=10**9, learning_rate=1e-3, final_learning_rate=0.1, warmup_steps=100,
        weight_decay=0.1,
        grad_clip=1.0, device=DEVICE, log_every=100, evaluate_every=100,
        checkpoint_seconds=60.0, validation_documents=1, sample_tokens=1, sample_seeds=1,
        temperature=1.0, top_p=1.0, tied=True, dropout=0.0, **{"precision": "auto"} | values,
    )  # fmt: skip


def begin(shape: dict[str, Any], processes: int, folder: str) -> Training:
    """A training of random weights on ids with something to learn."""
    params, size = parameters(shape, processes), shape["vocab_size"]
    torch.manual_seed(params.seed)
    with torch.device(DEVICE):
        model = TransformerLM(**params.choices(size))
    steps = np.random.default_rng(0).integers(-2, 3, size=10_000_000)
    row = (steps.cumsum() % size).astype(np.uint16)
    training = Training(model, row, params, Path(folder), "bench", fast.step_swaps)
    training.progress.disable = True
    return training


@contextmanager
def alone() -> Iterator[None]:
    """As if this were the only process."""
    os.environ["WORLD_SIZE"] = "1"
    try:
        yield
    finally:
        os.environ["WORLD_SIZE"] = "2"


def seconds(training: Training, count: int) -> float:
    """Time of `count` steps, the GPU waited for."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        training.advance()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def rate(training: Training) -> float:
    """Tokens per second of all its processes, from a GPU that is warm."""
    seconds(training, WARM_UP)
    times = [seconds(training, STEPS) for _ in range(ROUNDS)]
    return STEPS * training.params.tokens_per_step / statistics.median(times)


def scaling(shape: dict[str, Any]) -> dict[str, Any]:
    """Speed of each process while the other waits, of each for itself, and of both together."""
    gc.collect()
    found: dict[str, list[list[float]]] = {"alone": [], "at_once": [], "two": []}
    with tempfile.TemporaryDirectory() as own_folder, tempfile.TemporaryDirectory() as folder:
        with alone():
            own = begin(shape, 1, own_folder)
        both = begin(shape, 2, folder)
        seconds(own, 3), seconds(both, 8)  # compile, record, and add up as later steps do
        for _ in range(TURNS):
            turns = [gather(rate(own) if dist.get_rank() == turn else 0.0) for turn in (0, 1)]
            found["alone"].append([turns[0][0], turns[1][1]])
            found["at_once"].append(gather(rate(own)))
            found["two"].append([rate(both)])
    means = {name: np.mean(rates, axis=0) for name, rates in found.items()}
    two = float(means["two"][0])
    return {
        "alone_tokens_per_second": [round(one) for one in means["alone"]],
        "at_once_tokens_per_second": [round(one) for one in means["at_once"]],
        "two_tokens_per_second": round(two),
        "ratio": round(two / means["alone"].mean(), 3),
        "ratio_to_at_once": round(two / means["at_once"].mean(), 3),
    }


def curve(
    shape: dict[str, Any], processes: int, precision: str, parts: int = 1
) -> tuple[list[float], dict[str, float]]:
    """Losses of the first steps; memory of a GPU, in GiB, and speed.

    Every step's batch is the same, be it computed by one process or by two, or in parts.
    """
    gc.collect()
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    share = shape | {"batch_size": 2 * shape["batch_size"] // processes, "precision": precision}
    with tempfile.TemporaryDirectory() as folder:
        training = begin(share, processes, folder)
        training.history.micro_batch //= parts
        losses = []
        for _ in range(LOSSES):
            training.advance()
            losses.append(training.world.total(training.loss).clone())
            training.loss.zero_()
        rate = 5 * training.params.tokens_per_step / seconds(training, 5)
        found = {"tokens_per_second": round(rate)}
        if DEVICE == "cuda":
            for parameter in training.parameters:
                parameter.grad = None
            found["weights_and_moments_gib"] = round(torch.cuda.memory_allocated() / 2**30, 2)
            found["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        return torch.stack(losses).tolist(), found


def same_losses(shape: dict[str, Any], precision: str, spread: bool) -> dict[str, Any]:
    """Losses and memory on one GPU, on the other in two parts, and on two."""
    is_needed = sharding.is_needed
    if spread:
        sharding.is_needed = lambda model, device: True
        gradients.make_step = PlainStep  # as the sharded step is
    with alone():
        mine = curve(shape, 1, precision, parts=1 + dist.get_rank())
    (whole, one), (parts, _) = gather(mine)
    both, two = curve(shape, 2, precision)
    gradients.make_step, sharding.is_needed = make_step, is_needed

    def distance(losses: list[float]) -> dict[str, float]:
        apart = np.abs(np.subtract(losses, whole)).round(6)
        return {"median": float(np.median(apart)), "largest": float(apart.max())}

    shown = slice(LOSSES // 4 - 1, None, LOSSES // 4)
    memory = {"one": one, "two": two} if spread else {}  # a recording holds more
    return memory | {
        "losses_one": [round(loss, 4) for loss in whole[shown]],
        "losses_two": [round(loss, 4) for loss in both[shown]],
        "two_from_one": distance(both),
        "one_in_two_parts_from_one": distance(parts),
    }


def gather(value: Any) -> list[Any]:
    """The values of both processes; waits, without its GPU computing."""
    values: list[Any] = [None, None]
    dist.all_gather_object(values, value)
    return values


def measure(path: str) -> None:
    """In each of the processes: all of it, as far as it goes."""
    gpu = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"
    tasks: list[tuple[str, str, Callable[..., dict[str, Any]], dict[str, Any]]] = [
        (name, "weak scaling", scaling, shape) for name, shape in SHAPES.items()
    ]
    for name, what, precision in SAME:
        task = partial(same_losses, precision=precision, spread=what == "sharded")
        tasks.append((name, f"{what}, {precision}", task, SMALL[name]))
    lines: list[dict[str, Any]] = []
    for name, what, task, shape in tasks:
        try:
            found = task(shape if DEVICE == "cuda" else TINY)
        except Exception as error:  # the others are worth their time all the same
            traceback.print_exc()
            found = {"error": f"{type(error).__name__}: {error}"}
        lines.append({"gpu": gpu, "shape": name, "what": what, **found})
        if dist.get_rank() == 0:
            print(json.dumps(lines[-1]), flush=True)
            Path(path).write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    default = Path(__file__).parent / "results" / "data_parallel.json"
    launch(2, torch.device(DEVICE), measure, sys.argv[1] if sys.argv[1:] else str(default))
