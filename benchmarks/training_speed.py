"""Tokens per second of the training loop beside a plain compiled PyTorch loop of the same shape.

    python benchmarks/training_speed.py [shape ...]             (wants a GPU)

The peer is what a good engineer writes without this project (nanoGPT, or nn.LSTM): bf16 autocast,
torch.compile, PyTorch's attention and cross-entropy, fused AdamW, one batch that is already on the
device, nothing else. Ours is `brnb.train.loop.Training` with its data, schedule, clipping and
history, in bf16 or fp8. Both run in this process, in turns, with the same batch; the table shows
medians. Before anything is timed, the step's gradients are held against those of plain autograd in
fp32, and a short training against the same training in fp32 and, if it is in fp8, in bf16. MFU is
a share of the peak in bf16 for all.

The results go to ``benchmarks/results/training_speed.json``, beside those of other shapes.
"""

import dataclasses
import gc
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train.loop import Training
from brnb.train.params import RecurrentParams, TrainParams, TransformerParams
from brnb.train.step import make_step

BF16_PEAK = 989e12  # FLOP/s of an H100 or H200, dense, by the data sheet
STEPS, ROUNDS, PARITY_STEPS = 8, 5, 120
WORDS = 512  # of the vocabulary are used: few enough to learn in so many steps
GPT = {"norm": "layernorm", "position": "learned", "mlp": "gelu"}
LLAMA = {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu"}


@dataclasses.dataclass(frozen=True)
class Shape:
    """A model's sizes (vocabulary, layers, width, heads or 0, tokens, batch), and its form."""

    V: int
    L: int
    d: int
    h: int
    T: int
    B: int
    form: dict[str, str | int] = dataclasses.field(default_factory=dict)
    precision: str = "bf16"

    def params(self, **change: float | str) -> TrainParams:
        """Parameters of a long run of this shape."""
        common = {
            "profile": "bench", "run_id": "bench", "seed": 1, "lang": "en", "tokenizer": "none",
            "cleaning": "v6", "tokens": 10**10, "batch_size": self.B, "seq_len": self.T,
            "learning_rate": 1e-3, "final_learning_rate": 0.1, "warmup": 0.01,
            "weight_decay": 0.01, "grad_clip": 1.0, "precision": self.precision, "device": "auto",
            "log_every": 100, "evaluate_every": 10_000, "checkpoint_seconds": 1e9,
            "validation_documents": 1, "sample_tokens": 1, "sample_seeds": 1, "temperature": 1.0,
            "top_p": 1.0, "dropout": 0.0, "layers": self.L,
        }  # fmt: skip
        if not self.h:
            own = {"cell": "lstm", "hidden_size": self.d, "embedding_size": self.form["embedding"]}
            return RecurrentParams(**common | own | change)
        own = {"width": self.d, "heads": self.h, "kv_heads": self.h, "hidden": 4 * self.d}
        return TransformerParams(
            **common | own | {"bias": False, "tied": True} | self.form | change
        )

    def model(self) -> nn.Module:
        """Our model, from a fixed seed."""
        torch.manual_seed(0)
        if self.h:
            return TransformerLM(**self.params().choices(self.V)).cuda().train()
        return RecurrentLM(self.V, self.d, self.L, self.form["embedding"]).cuda().train()

    def flops(self, parameters: int) -> float:
        """Of a token, forward and backward; attention counted in full, as is usual."""
        return 6 * parameters + 12 * self.L * self.d * self.T if self.h else math.nan


SHAPES = {
    "v1 (LSTM 512x1, characters)": Shape(200, 1, 512, 0, 256, 256, {"embedding": 128}),
    "v3 (LSTM 512x3, characters)": Shape(200, 3, 512, 0, 256, 256, {"embedding": 128}),
    "v4 (LSTM 512x2, 4k pieces)": Shape(4096, 2, 512, 0, 256, 256, {"embedding": 256}),
    "v5 (d256 L6 h8, 4k, T256)": Shape(4096, 6, 256, 8, 256, 512, GPT),
    "v6 (d512 L8 h8, 16k, T512)": Shape(16384, 8, 512, 8, 512, 128, GPT),
    "GPT-2 124M (d768 L12 h12, 50k, T1024)": Shape(50304, 12, 768, 12, 1024, 32, GPT),
    "as v6 is trained (SwiGLU, RoPE, RMSNorm)": Shape(
        16384, 8, 512, 8, 512, 128, LLAMA | {"hidden": 1408}
    ),
}


SHAPES |= {
    f"{name}, products in fp8": dataclasses.replace(shape, precision="fp8")
    for name, shape in SHAPES.items()
    if shape.d >= 512 and shape.h
}


class PlainBlock(nn.Module):
    """A block of nanoGPT, without biases and dropout."""

    def __init__(self, d: int, h: int) -> None:
        super().__init__()
        self.h = h
        self.norm1, self.norm2 = nn.LayerNorm(d, bias=False), nn.LayerNorm(d, bias=False)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, d = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        heads = (part.view(B, T, self.h, -1).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, d))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class PlainGPT(nn.Module):
    """nanoGPT; returns the loss."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(s.V, s.d), nn.Embedding(s.T, s.d)
        self.blocks = nn.ModuleList(PlainBlock(s.d, s.h) for _ in range(s.L))
        self.norm, self.head = nn.LayerNorm(s.d, bias=False), nn.Linear(s.d, s.V, bias=False)
        self.embedding.weight = self.head.weight
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.embedding(x) + self.position.weight
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy(self.head(self.norm(h)).float().flatten(0, 1), y.flatten())


class PlainLSTM(nn.Module):
    """Embedding, nn.LSTM, projection; returns the loss."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(s.V, s.form["embedding"])
        self.rnn = nn.LSTM(s.form["embedding"], s.d, s.L, batch_first=True)
        self.head = nn.Linear(s.d, s.V)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        logits = self.head(self.rnn(self.embedding(x))[0])
        return F.cross_entropy(logits.float().flatten(0, 1), y.flatten())


def peer(s: Shape) -> Callable[[], None]:
    """The plain loop, as a function that takes one step."""
    model = (PlainGPT(s) if s.h else PlainLSTM(s)).cuda()
    loss_of = torch.compile(model) if s.h else model  # it cannot compile cuDNN's recurrence
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    x, y = torch.randint(s.V, (2, s.B, s.T), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def text(s: Shape, length: int) -> np.ndarray:
    """Ids with something to learn: most follow from the one before."""
    random = np.random.default_rng(0)
    words = min(s.V, WORDS)
    noise = random.zipf(1.5, size=(length // 1000, 1000)) % words
    ids = np.zeros_like(noise)
    for i in range(1, 1000):
        ids[:, i] = (5 * ids[:, i - 1] + noise[:, i]) % words
    return ids.ravel().astype(np.uint16)


def check_gradients(s: Shape) -> float:
    """Distance of the step's gradients from fp32 autograd's, as a share of their norm."""
    model = s.model()
    x, y = torch.randint(s.V, (2, 8, s.T), device="cuda")
    logits, _ = model(x)
    F.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
    exact = [p.grad.clone() for p in model.parameters()]
    model.zero_grad(set_to_none=True)
    step = make_step(model, s.precision, torch.device("cuda"))
    for _ in range(2):  # two micro-batches of half the step each
        step(x, y, None, 0.5)
    off = [p.grad - g for p, g in zip(model.parameters(), exact, strict=True)]
    distance = float(torch.stack([g.norm() for g in off]).norm())
    distance /= float(torch.stack([g.norm() for g in exact]).norm())
    if not distance < {"bf16": 0.05, "fp8": 0.2}[s.precision]:  # roundings of 0.4%, of 6 and 12%
        raise AssertionError(f"gradients are off by {distance:.1%} of their norm")
    return distance


def check_losses(s: Shape, row: np.ndarray) -> dict[str, float]:
    """The last of some losses, with the fast step and in fp32; and the largest distance."""
    precisions = ["fp32", "bf16", s.precision] if s.precision != "bf16" else ["fp32", "bf16"]
    curves = {precision: losses(s, row, precision) for precision in precisions}
    last = {name: round(float(curve[-10:].mean()), 4) for name, curve in curves.items()}
    found = {f"loss_{name}": value for name, value in last.items()}
    fast = curves[s.precision]
    for name in precisions[:-1]:
        found[f"largest_distance_{name}"] = round(float((fast - curves[name]).abs().max()), 4)
        if abs(last[s.precision] - last[name]) > 0.1:
            raise AssertionError(f"after {PARITY_STEPS} steps the losses are {last}")
    return found


def losses(s: Shape, row: np.ndarray, precision: str) -> Tensor:
    """Losses of a short training, by the loop's step or, in fp32, by plain autograd."""
    model = s.model()
    ids = torch.from_numpy(row[: PARITY_STEPS * 8 * (s.T + 1)].astype(np.int64)).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    step = None if precision == "fp32" else make_step(model, precision, torch.device("cuda"))
    found = []
    for part in ids.view(PARITY_STEPS, 8, s.T + 1):
        optimizer.zero_grad(set_to_none=True)
        x, y = part[:, :-1].contiguous(), part[:, 1:].contiguous()
        if step is not None:
            loss, _ = step(x, y, None, 1.0)
        else:
            loss = F.cross_entropy(model(x)[0].flatten(0, 1), y.flatten())
            loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.detach())
    return torch.stack(found).cpu()


def seconds(step: Callable[[], object]) -> float:
    """Time of a step, the device waited for."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS


def bare(s: Shape, training: Training) -> Callable[[], object]:
    """The loop's own step and optimizer on one batch, and nothing else."""
    x, y = torch.randint(s.V, (2, s.B, s.T), device="cuda")
    state = training.state

    def step() -> None:
        training.gradients.step(x, y, state, 1.0)
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)

    return step


def measure(s: Shape) -> dict[str, Any]:
    """One row of the table."""
    row = text(s, 4_000_000)
    found: dict[str, Any] = {"precision": s.precision}
    found["gradient_distance"] = round(check_gradients(s), 5)
    found |= check_losses(s, row)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        ours = Training(s.model(), row, s.params(), Path(folder), "bench")
        ours.progress.disable = True
        ours.advance()
        torch.cuda.synchronize()
        found["ours_first_step_seconds"] = round(time.perf_counter() - start, 1)
        kinds = (ours.advance, peer(s), bare(s, ours))
        for step in kinds:
            seconds(step)
        times = [[seconds(step) for step in kinds] for _ in range(ROUNDS)]
    mine, theirs, least = (statistics.median(column) for column in zip(*times, strict=True))
    counted = ours.history.parameters - (s.T * s.d if "learned" in s.form.values() else 0)
    rates = {"ours": s.B * s.T / mine, "peer": s.B * s.T / theirs}
    found |= {f"{who}_tokens_per_second": round(rate) for who, rate in rates.items()}
    found |= {"ratio": round(theirs / mine, 3), "loop_overhead": round(mine / least - 1, 4)}
    if s.h:
        for who, rate in rates.items():
            found[f"{who}_mfu"] = round(rate * s.flops(counted) / BF16_PEAK, 4)
    found["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    return found


def main(wanted: list[str]) -> None:
    """Print one JSON line a shape, and keep all of them."""
    torch.set_float32_matmul_precision("high")
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    path = Path(__file__).parent / "results" / "training_speed.json"
    path.parent.mkdir(exist_ok=True)
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if {key: table.get(key) for key in machine} != machine:
        table = machine | {"shapes": {}}
    for name, shape in SHAPES.items():
        if wanted and not any(name.startswith(start) for start in wanted):
            continue
        try:
            found = measure(shape)
        except Exception as error:  # the other shapes are still worth their time
            found = {"error": repr(error)}
        table["shapes"][name] = found
        print(json.dumps({"shape": name} | found), flush=True)
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1:])
