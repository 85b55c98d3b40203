"""Tokens per second of the training loop beside a plain PyTorch loop of the same shape.

    python benchmarks/training_speed.py             (wants a GPU)

The peer is what one writes without this project: embedding, nn.LSTM, projection, cross-entropy in
bf16 autocast, fused AdamW, data already on the device, nothing else. Ours is
`brnb.train.loop.Training` with its data, schedule, clipping, logging and checkpoints. Both run in
this process, in turns; the table shows medians and their ratio.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from brnb.models.recurrent import RecurrentLM
from brnb.train.loop import Training
from brnb.train.params import RecurrentParams

SHAPES = {
    "v1 (LSTM 512x1, characters)": {"V": 200, "E": 128, "H": 512, "L": 1, "T": 256, "B": 256},
    "v3 (LSTM 512x3, characters)": {"V": 200, "E": 128, "H": 512, "L": 3, "T": 256, "B": 256},
    "v4 (LSTM 512x2, 4k pieces)": {"V": 4096, "E": 256, "H": 512, "L": 2, "T": 256, "B": 256},
}
STEPS, ROUNDS = 50, 5


def parameters(shape: dict[str, int]) -> RecurrentParams:
    """Parameters of a run of this shape that logs and saves as a long one would."""
    return RecurrentParams(
        profile="bench", run_id="bench", seed=1, lang="en", tokenizer="none", cleaning="v6",
        tokens=10**10, batch_size=shape["B"], seq_len=shape["T"], learning_rate=1e-3,
        final_learning_rate=0.1, warmup=0.01, weight_decay=0.01, grad_clip=1.0, precision="auto",
        device="auto", log_every=100, evaluate_every=10_000, checkpoint_seconds=60.0,
        validation_documents=1, sample_tokens=1, sample_seeds=1, temperature=1.0, top_p=1.0,
        cell="lstm", hidden_size=shape["H"], layers=shape["L"], embedding_size=shape["E"],
        dropout=0.0,
    )  # fmt: skip


def peer(shape: dict[str, int]):
    """The plain loop, as a function that takes one step."""
    model = RecurrentLM(shape["V"], shape["H"], shape["L"], shape["E"]).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    x = torch.randint(shape["V"], (shape["B"], shape["T"] + 1), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            logits, _ = model(x[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def seconds(step, count: int) -> float:
    """Time of `count` steps, the device waited for."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """Print one JSON line a shape."""
    for name, shape in SHAPES.items():
        row = np.random.default_rng(0).integers(shape["V"], size=40_000_000, dtype=np.uint16)
        with tempfile.TemporaryDirectory() as folder:
            model = RecurrentLM(shape["V"], shape["H"], shape["L"], shape["E"])
            ours = Training(model, row, parameters(shape), Path(folder), "bench")
            ours.progress.disable = True
            plain = peer(shape)
            seconds(ours.advance, STEPS), seconds(plain, STEPS)
            times = [(seconds(ours.advance, STEPS), seconds(plain, STEPS)) for _ in range(ROUNDS)]
        rate = STEPS * shape["B"] * shape["T"]
        mine, theirs = (rate / statistics.median(column) for column in zip(*times, strict=True))
        print(
            json.dumps(
                {
                    "gpu": torch.cuda.get_device_name(),
                    "shape": name,
                    "ours_tokens_per_second": round(mine),
                    "peer_tokens_per_second": round(theirs),
                    "ratio": round(mine / theirs, 3),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
