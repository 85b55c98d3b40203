"""Tokens per second of the training loop beside a plain compiled PyTorch loop of the same shape.

    python benchmarks/training_speed.py [checks] [shape ...]             (wants a GPU)

The peer is what a good engineer writes without this project (nanoGPT, or nn.LSTM): bf16 autocast,
torch.compile, PyTorch's attention and cross-entropy, fused AdamW, one batch that is already on the
device, nothing else. It is nanoGPT of the same sizes whatever our form is; where ours is Llama's, a
second peer has that form too (`ratio_same_form`). Where torchao is installed, another peer is the
same with the products of its blocks in torchao's float8; it stands in the rows in fp8. Ours is
`brnb.train.loop.Training` with its data, schedule, clipping and history, in bf16 or fp8. All run in
this process, in turns, with the same batch; the table shows medians, and `ratio` is ours over the
plain peer. MFU is a share of the peak in bf16 for all; kernels are added up by kind
(`gpu_turns.KINDS`).

Then each shape is checked: gradients against those of plain autograd in fp32, and the losses of a
short training against the same training in fp32, or for fp8 in bf16. The yardstick is how far that
training is from itself when the batches come in another order.

With ``checks`` nothing is timed. The results go to ``benchmarks/results/training_speed.json`` as
they come, beside those of other shapes.

Where the time of a step goes, in milliseconds of an H200's kernels with products in 8 bits, by a
profile (kernels alone, before the split-K kernel took 0.6 ms off v5's products and 0.3 off v6's):

==================================== ===== =====
..                                      v5    v6
==================================== ===== =====
products                               5.1  10.0
MLP: products with activation, slopes  1.9   3.5
attention                              3.0   4.4
norms, residuals, rounding             2.0   2.1
transposing matrices, in 8 bits        0.4   1.5
loss                                   0.9   1.8
optimizer, clipping, embedding, rest   0.5   1.1
==================================== ===== =====

In bf16 the kernels of a step of v6 as it is trained take 33.4 ms, 19.2 of them cuBLAS' products; of
the plain peer in the same form they take 41.1, 18.6 of them products. All that is won, 7.8 ms, is
won beside the products. 1.2 times nanoGPT's form (38.4 ms a step, without RoPE and gate) would be a
step of 32.0 ms in place of 35.6: a quarter of all that stands beside the products would have to go.

Between its 360 to 480 kernels a step waits 0.5 ms, and after a second the GPU stands at its power
limit (690 W) and is another 5% slower, beside the peer as well. Passes between products run at 70
to 95% of the memory's rate. The MLP's two kernels are at 40 to 60% of their bounds: what is left to
do is to compute a tile's product beside the stores of the one before. Attention is at a third of
the matrix units' rate (cuDNN's takes 640 us a layer of v6, ours 500).

Tried, and not faster: one-pass attention backward; programs that own a whole sequence, or 128
queries; the loss in parts that stay in the cache; a norm of our own that adds the stream's gradient
(the compiler's does, since additions stand beside the norm that reads them).
"""

import dataclasses
import gc
import importlib.util
import json
import math
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gpu_turns import milliseconds_by_kind
from plain_peers import Sizes, peer
from torch import nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train import fast
from brnb.train.loop import Training
from brnb.train.params import RecurrentParams, TrainParams, TransformerParams
from brnb.train.recorded import make_step
from brnb.train.swap import FastParts

BF16_PEAK = 989e12  # FLOP/s of an H100 or H200, dense, by the data sheet
STEPS, ROUNDS, PARITY_STEPS, LAST_STEPS = 8, 5, 150, 20
WORDS = 512  # of the vocabulary are used: few enough to learn in so many steps
FARTHEST = {"bf16": 0.05, "fp8": 0.2}  # gradients, after roundings of 0.4%, or of 6 and 12%
GPT = {"norm": "layernorm", "position": "learned", "mlp": "gelu"}
LLAMA = {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu"}


@dataclasses.dataclass(frozen=True)
class Shape(Sizes):
    """A model's sizes, its form and the precision it is trained in."""

    precision: str = "bf16"

    def params(self, **change: float | str) -> TrainParams:
        """Parameters of a long run of this shape."""
        common = {
            "profile": "bench", "run_id": "bench", "seed": 1, "lang": "en", "tokenizer": "none",
            "cleaning": "v6", "tokens": 10**10, "batch_size": self.B, "seq_len": self.T,
            "learning_rate": 1e-3, "final_learning_rate": 0.1, "warmup_steps": 100,
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

    @property
    def is_llama(self) -> bool:
        """Whether norm, positions and MLP are Llama's, so that a peer can have that form."""
        return self.form.items() >= LLAMA.items()

    @property
    def fast(self) -> FastParts | None:
        """What the loop is given to compute a Transformer faster."""
        return fast.step_swaps if self.h else None

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
    if shape.h
}


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
    x, y = torch.randint(s.V, (2, s.B, s.T), device="cuda")
    exact = [torch.zeros_like(p) for p in model.parameters()]
    for part in range(0, s.B, 8):
        logits, _ = model(x[part : part + 8])
        loss = F.cross_entropy(logits.flatten(0, 1), y[part : part + 8].flatten())
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        torch._foreach_add_(exact, gradients, alpha=8 / s.B)
    step = make_step(model, s.precision, torch.device("cuda"), s.fast)
    for _ in range(2):  # two micro-batches of half the step each
        step(x, y, None, 0.5)
    off = [p.grad - g for p, g in zip(model.parameters(), exact, strict=True)]
    distance = float(torch.stack([g.norm() for g in off]).norm())
    distance /= float(torch.stack([g.norm() for g in exact]).norm())
    return round(distance, 5)


def losses(s: Shape, row: np.ndarray, precision: str, seed: int = 1) -> float:
    """Mean of the last losses of a short training by the loop; the seed orders its batches."""
    tokens = PARITY_STEPS * s.B * s.T
    params = s.params(
        tokens=tokens,
        warmup_steps=PARITY_STEPS // 10,
        precision=precision,
        seed=seed,
        evaluate_every=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        training = Training(s.model(), row, params, Path(folder), "parity", s.fast)
        training.progress.disable = True
        for _ in range(PARITY_STEPS - LAST_STEPS):
            training.advance()
        training.loss.zero_()
        for _ in range(LAST_STEPS):
            training.advance()
        return training.loss.item() / LAST_STEPS


def check(s: Shape) -> dict[str, Any]:
    """Whether the shape computes what it should; raises AssertionError if it does not."""
    distance = check_gradients(s)
    found: dict[str, Any] = {"gradient_distance": distance}
    row, plain = text(s, 4_000_000), "bf16" if s.precision == "fp8" else "fp32"
    mine, theirs = losses(s, row, s.precision), losses(s, row, plain)
    reordered = losses(s, row, plain if s.precision == "fp8" else s.precision, seed=2)
    found |= {f"loss_{s.precision}": round(mine, 4), f"loss_{plain}": round(theirs, 4)}
    found["loss_reordered"] = round(reordered, 4)
    noise = abs(reordered - (theirs if s.precision == "fp8" else mine))
    found["passed"] = distance < FARTHEST[s.precision] and abs(mine - theirs) < 0.02 + 2 * noise
    return found


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


def float8_seconds(s: Shape) -> dict[tuple[str, str], float]:
    """Time of a step of the plain peer with torchao's products in 8 bits, if it is installed.

    Taken after the others: a slower step among them would leave the next one a cooler GPU.
    """
    if not s.h or importlib.util.find_spec("torchao") is None:
        return {}
    try:
        step = peer(s, float8=True)
        seconds(step)
        return {("torchao", ""): statistics.median(seconds(step) for _ in range(ROUNDS))}
    except Exception as error:  # the others are still worth their time
        print(f"torchao.float8: {error!r}"[:500], flush=True)
        return {}


def measure(group: dict[str, Shape]) -> dict[str, dict[str, Any]]:
    """A row of the table for each shape of a group that has one peer."""
    s = next(iter(group.values()))
    row, found, kinds = text(s, 4_000_000), {}, {("peer", ""): peer(s)}
    if like := next((one for one in group.values() if one.is_llama), None):
        kinds["peer_same_form", ""] = peer(like, same_form=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in group.items():
            torch.cuda.reset_peak_memory_stats()
            before, start = torch.cuda.memory_allocated(), time.perf_counter()
            task = shape.model(), row, shape.params(), Path(folder) / name, "bench"
            ours = Training(*task, shape.fast)
            ours.progress.disable = True
            try:
                ours.advance()
            except Exception as error:  # the others are still worth their time
                found[name] = {"error": repr(error)}
                continue
            torch.cuda.synchronize()
            memory = (torch.cuda.max_memory_allocated() - before) / 2**30
            found[name] = {
                "precision": shape.precision,
                "parameters": ours.history.parameters,
                "memory_gib": round(memory, 1),
                "ours_first_step_seconds": round(time.perf_counter() - start, 1),
            }
            kinds |= {("ours", name): ours.advance, ("bare", name): bare(shape, ours)}
        for step in kinds.values():
            seconds(step)
        times = [[seconds(step) for step in kinds.values()] for _ in range(ROUNDS)]
        kernels = {who: milliseconds_by_kind(step, STEPS) for who, step in kinds.items()}
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    took = dict(zip(kinds, medians, strict=True)) | float8_seconds(s)
    for who, name in took:
        if who == "ours":
            found[name] |= rates(group[name], found[name]["parameters"], took, name)
            found[name]["kernel_milliseconds"] = kernels["ours", name]
            nearest = "peer_same_form" if group[name].is_llama else "peer"
            found[name][f"{nearest}_kernel_milliseconds"] = kernels[nearest, ""]
    return found


def rates(
    s: Shape, parameters: int, took: dict[tuple[str, str], float], name: str
) -> dict[str, float]:
    """What the seconds of a step mean."""
    mine, least, other = took["ours", name], took["bare", name], took["peer", ""]
    found = {"ratio": round(other / mine, 3), "loop_overhead": round(mine / least - 1, 4)}
    counted = parameters - (s.T * s.d if "learned" in s.form.values() else 0)
    peers = {"ours": mine, "peer": other}
    if s.is_llama:
        peers["peer_same_form"] = took["peer_same_form", ""]
        found["ratio_same_form"] = round(peers["peer_same_form"] / mine, 3)
    if s.precision == "fp8" and ("torchao", "") in took:
        peers["torchao"] = took["torchao", ""]
        found["ratio_to_torchao"] = round(peers["torchao"] / mine, 3)
    for who, passed in peers.items():
        found[f"{who}_tokens_per_second"] = round(s.B * s.T / passed)
        if s.h:
            found[f"{who}_mfu"] = round(s.B * s.T / passed * s.flops(counted) / BF16_PEAK, 4)
    return found


def main(wanted: list[str]) -> None:
    """Measure all shapes, then check them; what is known is printed and kept at once."""
    torch.set_float32_matmul_precision("high")
    machine = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    path = Path(__file__).parent / "results" / "training_speed.json"
    path.parent.mkdir(exist_ok=True)
    table = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if {key: table.get(key) for key in machine} != machine:
        table = machine | {"shapes": {}}

    def keep(found: dict[str, dict[str, Any]]) -> None:
        for name, row in found.items():
            table["shapes"][name] = row
            print(json.dumps({"shape": name} | row), flush=True)
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        gc.collect()
        torch.cuda.empty_cache()

    names = tuple(name for name in wanted if name != "checks")
    shapes = {n: s for n, s in SHAPES.items() if not names or n.startswith(names)}
    groups = defaultdict[tuple[int, ...], dict[str, Shape]](dict)
    for name, s in shapes.items():
        groups[s.V, s.L, s.d, s.h, s.T, s.B][name] = s
    for group in groups.values() if "checks" not in wanted else ():
        try:
            keep(measure(group))
        except Exception as error:  # the other shapes are still worth their time
            keep({name: {"error": repr(error)} for name in group})
    for name, s in sorted(shapes.items(), key=lambda item: item[1].precision, reverse=True):
        try:
            found = check(s)
        except Exception as error:
            found = {"check_error": repr(error)}
        keep({name: table["shapes"].get(name, {}) | found})


if __name__ == "__main__":
    main(sys.argv[1:])
