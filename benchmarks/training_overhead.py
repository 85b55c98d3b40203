"""What the training loop costs beside its arithmetic: Python of a step, and checkpoints.

    python benchmarks/training_overhead.py            (CPU or GPU)

The model is next to nothing (an embedding as its own head, 8 numbers wide), so that a step is all
overhead. The peer is the same model, optimizer and clipping in a bare loop over batches that lie
ready. The difference is what `brnb.train.loop.Training` adds: cutting the batch, the schedule, the
micro-batches, sums and progress; `share` divides it by the step of a real training. A checkpoint
is that of a model of the size of v6's (34M parameters, three tensors each), every 60 seconds: the
time in `save`, which copies, and how much slower steps are while a thread writes.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.train.checkpoint import Checkpoint
from brnb.train.loop import Training
from brnb.train.params import RecurrentParams

B, T, V, D = 2, 8, 16, 8
STEPS, ROUNDS = 300, 7
REAL_STEP_MS = 26.0  # v6's, 128 × 512 tokens at 2.5 million a second
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Trivial(nn.Module):
    """An embedding that predicts through itself."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, D)

    def forward(
        self, ids: Tensor, state: object = None, targets: Tensor | None = None
    ) -> tuple[Tensor, tuple[()]]:
        """Logits or loss, and no state."""
        logits = self.embedding(ids) @ self.embedding.weight.T
        if targets is None:
            return logits, ()
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), ()


def parameters() -> RecurrentParams:
    """A run that never ends."""
    return RecurrentParams(
        profile="bench", run_id="bench", seed=1, lang="en", tokenizer="none", cleaning="v6",
        tokens=10**9, batch_size=B, seq_len=T, learning_rate=1e-3, final_learning_rate=0.1,
        warmup=0.01, weight_decay=0.01, grad_clip=1.0, precision="fp32", device=DEVICE,
        log_every=100, evaluate_every=10_000, checkpoint_seconds=60.0, validation_documents=1,
        sample_tokens=1, sample_seeds=1, temperature=1.0, top_p=1.0, cell="lstm", hidden_size=1,
        layers=1, embedding_size=1, dropout=0.0,
    )  # fmt: skip


def peer() -> Callable[[], None]:
    """The bare loop, as a function that takes one step."""
    model = Trivial().to(DEVICE)
    weights = list(model.parameters())
    optimizer = torch.optim.AdamW(weights, 1e-3, fused=True)
    ids = torch.randint(V, (B, T + 1), device=DEVICE)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss, _ = model(ids[:, :-1], None, ids[:, 1:])
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return step


def microseconds(step: Callable[[], None]) -> float:
    """Time of a step."""
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS * 1e6


def python_overhead(folder: Path) -> dict[str, float]:
    """Microseconds a step, ours and the peer's, and the difference as a share of a real step."""
    row = np.random.default_rng(0).integers(V, size=10**6, dtype=np.uint16)
    training = Training(Trivial(), row, parameters(), folder, "bench")
    training.progress.disable = True
    plain = peer()
    microseconds(training.advance), microseconds(plain)
    times = [(microseconds(training.advance), microseconds(plain)) for _ in range(ROUNDS)]
    ours, theirs = (min(column) for column in zip(*times, strict=True))  # others disturb
    return {
        "ours_us": round(ours, 1),
        "peer_us": round(theirs, 1),
        "added_us": round(ours - theirs, 1),
        "share_of_real_step": round((ours - theirs) / 1e3 / REAL_STEP_MS, 4),
    }


def checkpoint_cost(folder: Path) -> dict[str, float]:
    """Seconds in `save`, seconds that the thread writes, and what steps lose meanwhile."""
    state = {f"{i}": torch.randn(34_000_000 // 8, device=DEVICE) for i in range(3 * 8)}
    checkpoint, step = Checkpoint(folder, "bench"), peer()
    checkpoint.save(state)  # the first allocates
    checkpoint.wait()
    plain = microseconds(step)
    start = time.perf_counter()
    checkpoint.save(state)
    saving = time.perf_counter() - start
    during, taken = [], start
    while not (checkpoint.is_written() or taken - start > 60):
        during.append(microseconds(step))
        taken = time.perf_counter()
    checkpoint.wait()
    lost = sum(max(0.0, 1 - plain / slow) for slow in during) / len(during) * (taken - start)
    return {
        "bytes": sum(part.nbytes for part in state.values()),
        "save_s": round(saving, 3),
        "writing_s": round(taken - start, 3),
        "lost_while_writing_s": round(lost, 3),
        "share_at_60_s": round((saving + lost) / 60, 4),
    }


def main() -> None:
    """Print one JSON line a measurement."""
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else f"{torch.get_num_threads()} CPU"
    with tempfile.TemporaryDirectory() as folder:
        for measure in (python_overhead, checkpoint_cost):
            found = {"on": where, "what": measure.__name__, **measure(Path(folder))}
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
