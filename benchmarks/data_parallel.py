"""Tokens per second of one training on one GPU and on two: weak scaling.

    python benchmarks/data_parallel.py [RESULT.json]        (wants two GPUs)

Every GPU keeps the batch that it has alone, so that two do twice the work. Timed is
`brnb.train.loop.Training.advance` as a chapter calls it. "graph" is the step that chapters use:
forward and backward are one CUDA graph, and the gradients are added up after it. "overlapping"
runs them eagerly (with compiled blocks), and gradients travel while the backward pass computes.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brnb.models.transformer import TransformerLM
from brnb.train import gradients
from brnb.train.loop import Training
from brnb.train.parallel import launch
from brnb.train.params import TransformerParams
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
WARM_UP, STEPS, ROUNDS = 20, 20, 5
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def parameters(shape: dict[str, Any], processes: int) -> TransformerParams:
    """A run of this shape that never ends; `batch_size` is that of one GPU."""
    values = {name: value for name, value in shape.items() if name != "vocab_size"}
    values |= {"batch_size": shape["batch_size"] * processes, "kv_heads": shape["heads"]}
    return TransformerParams(
        profile="bench", run_id="bench", seed=1, lang="en", tokenizer="none", cleaning="v6",
        tokens=10**12, learning_rate=1e-3, final_learning_rate=0.1, warmup=0.01, weight_decay=0.1,
        grad_clip=1.0, precision="auto", device=DEVICE, log_every=100, evaluate_every=10_000,
        checkpoint_seconds=60.0, validation_documents=1, sample_tokens=1, sample_seeds=1,
        temperature=1.0, top_p=1.0, tied=True, dropout=0.0, **values,
    )  # fmt: skip


def measure(shape: dict[str, Any], processes: int, kind: str, result: str) -> None:
    """In one of the processes: tokens per second of all of them together."""
    if kind == "overlapping":
        gradients.make_step = PlainStep
    params, size = parameters(shape, processes), shape["vocab_size"]
    torch.manual_seed(params.seed)
    model = TransformerLM(**params.choices(size))
    row = np.random.default_rng(0).integers(size, size=20_000_000, dtype=np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        training = Training(model, row, params, Path(folder), "bench")
        training.progress.disable = True
        seconds(training, WARM_UP)
        times = [seconds(training, STEPS) for _ in range(ROUNDS)]
    if training.world.rank == 0:
        rate = STEPS * params.tokens_per_step / statistics.median(times)
        Path(result).write_text(json.dumps(rate), encoding="utf-8")


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


def rate(shape: dict[str, Any], processes: int, kind: str) -> float:
    """Tokens per second in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "rate.json"
        launch(processes, torch.device(DEVICE), measure, shape, processes, kind, str(result))
        return float(json.loads(result.read_text("utf-8")))


def main(shapes: dict[str, dict[str, Any]], result: Path | None) -> None:
    """Print one JSON line a shape and kind of step; write them as a list, too."""
    lines = []
    for name, shape in shapes.items():
        for kind in ("graph", "overlapping"):
            try:
                one, two = (rate(shape, processes, kind) for processes in (1, 2))
                found = {
                    "one_tokens_per_second": round(one),
                    "two_tokens_per_second": round(two),
                    "ratio": round(two / one, 3),
                }
            except Exception as error:  # the other shapes are worth their time all the same
                found = {"error": f"{type(error).__name__}: {error}"}
            gpu = torch.cuda.get_device_name() if DEVICE == "cuda" else "CPU"
            lines.append({"gpu": gpu, "shape": name, "step": kind, **found})
            print(json.dumps(lines[-1]), flush=True)
            if result:
                result.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(SHAPES, Path(sys.argv[1]) if sys.argv[1:] else None)
