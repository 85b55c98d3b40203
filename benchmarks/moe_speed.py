"""A mixture of experts on a GPU: our block beside Transformers' and the limit; one trained.

    python benchmarks/moe_speed.py [blocks] [decoding] [training]

(wants a Hopper GPU and transformers 5; about three minutes)

Every block is Mixtral's in form: a softmax router, SwiGLU experts, bf16. The peers are those of
Transformers: ``eager`` (a loop over experts, the default before 5.0), ``grouped_mm`` (the default
since), that compiled, and ``batched_mm`` for few tokens. Ours is `brnb.models.moe.MoE`, compiled
as a training step compiles it, and plain. All run in this process, in turns; times are medians in
milliseconds. `products` are cuBLAS's of the same FLOP, of one matrix of all rows; `limit` is that
FLOP at the data sheet's rate. Backward passes give gradients of the tokens and all weights.

`routing` is our block with experts so narrow that their products hardly count: router, sorting,
copying to and fro, and launches. Python launches a block in about 1 ms, which is most of it where
calls are not recorded. When decoding, `reading` is the time to read the chosen experts once, at the
rate of a copy; calls are recorded as CUDA graphs, where that works.

The training is the shared loop on random tokens: v6's sizes, each MLP 8 experts of its width; with
our kernels, and with grouped_mm, as the loop compiles it and as Transformers calls it, that is, not
compiled; in bf16, and in fp8, where attention's products, the head and the loss are in 8 bits and
the experts' are not. On an H200, in thousands of tokens a second:

============================ ===== =====
experts                       bf16   fp8
============================ ===== =====
our kernels                  1,165 1,223
grouped_mm, compiled         1,067 1,111
grouped_mm, not compiled       767
============================ ===== =====

So ours trains 1.52 times as fast as the same loop with grouped_mm as Transformers calls it (1.59 in
fp8), and 1.09 times as fast as with grouped_mm compiled (1.15 in fp8 beside it in bf16, 1.10 beside
it in fp8): the rest of the step is the same in both.

Where the time of such a step goes with our kernels, in milliseconds of an H200, by a profile:

========================================= =====
products of experts, SwiGLU in the first   23.3
SwiGLU's gradient                           4.7
copying rows by expert, and adding up       2.3
choosing the largest scores (torch.topk)    1.5
everything else                            21.8
========================================= =====

Kernels are busy for 53.6 of its milliseconds. Tried, and not faster: SwiGLU's gradient at the end
of the product before it, which waited for what it reads (1.27 ms where the two take 0.93, at v6's
sizes and 65,536 tokens); tiles of 64 rows for 128 experts.

The results go to ``benchmarks/results/moe_speed.json``.
"""

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gpu_turns import median_milliseconds
from torch import Tensor, nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from brnb.models.choices import Experts
from brnb.models.moe import MoE, mixtures
from brnb.models.transformer import TransformerLM
from brnb.ops.experts import ENGINES, UNIT
from brnb.train import fast
from brnb.train.loop import Training
from brnb.train.params import MoEParams

RESULTS = Path(__file__).parent / "results" / "moe_speed.json"
PEAK, ROUNDS, CALLS = 989e12, 5, 3  # FLOP/s in bf16, by the data sheet
STEPS = 8
NOT_COMPILED = "grouped, not compiled"
TRAININGS = {  # by name: the engine of the experts, and the loop's precision
    "kernels": ("kernels", "bf16"),
    "kernels, fp8": ("kernels", "fp8"),
    "grouped": ("grouped", "bf16"),
    "grouped, fp8": ("grouped", "fp8"),
    NOT_COMPILED: (NOT_COMPILED, "bf16"),
}
Calls = dict[str, Callable[[], Any]]


class Shape(NamedTuple):
    """Width, inner width of an expert, experts, and experts a token."""

    width: int
    hidden: int
    experts: int
    top_k: int


SHAPES = {
    "Mixtral": Shape(4096, 14336, 8, 2),
    "Qwen3-30B-A3B": Shape(2048, 768, 128, 8),
    "v6-like": Shape(512, 1408, 8, 2),
}
TOKENS = {"Mixtral": (4096,), "Qwen3-30B-A3B": (4096, 16384), "v6-like": (65536,)}
TRAINED = MoEParams(
    profile="bench", run_id="bench", seed=1, lang="en", tokenizer="none", cleaning="v6",
    tokens=10**10, batch_size=128, seq_len=512, learning_rate=1e-3, final_learning_rate=0.1,
    warmup_steps=100,
    weight_decay=0.01, grad_clip=1.0, precision="bf16", device="auto", log_every=100,
    evaluate_every=10_000, checkpoint_seconds=1e9, validation_documents=1, sample_tokens=1,
    sample_seeds=1, temperature=1.0, top_p=1.0, dropout=0.0, width=512, layers=8, heads=8,
    kv_heads=8, hidden=1408, norm="rmsnorm", position="rope", mlp="swiglu", bias=False, tied=True,
    dense=False, experts=8, top_k=2, router="softmax", shared_hidden=0, groups=1, top_groups=1,
    balance_loss=0.01, bias_rate=0.0,
)  # fmt: skip


def milliseconds(calls: Calls) -> dict[str, float]:
    """Medians of each, called in turns."""
    return {n: round(ms, 4) for n, ms in median_milliseconds(calls, ROUNDS, CALLS).items()}


def ours(s: Shape) -> MoE:
    """Our block."""
    torch.manual_seed(0)
    block = MoE(s.width, s.hidden, Experts(count=s.experts, top_k=s.top_k))
    return _random(block.cuda().bfloat16())


def peer(s: Shape, weights: MoE, way: str) -> nn.Module:
    """Transformers' block with the same weights."""
    config = MixtralConfig(
        hidden_size=s.width, intermediate_size=s.hidden, num_local_experts=s.experts,
        num_experts_per_tok=s.top_k,
    )  # fmt: skip
    config._experts_implementation = way  # a block that is built alone runs the loop without it
    with torch.device("meta"):
        block = MixtralSparseMoeBlock(config)
    block.gate.weight = weights.router.weight
    block.experts.gate_up_proj, block.experts.down_proj = weights.gate_up, weights.down
    return block


def _random(block: MoE) -> MoE:
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_(std=parameter.shape[-1] ** -0.5)
    return block.eval()


def contestants(s: Shape, tokens: int) -> dict[str, nn.Module]:
    """Blocks of one set of weights, ours first."""
    block = ours(s)
    blocks: dict[str, nn.Module] = {
        "ours": torch.compile(block, dynamic=False),
        "plain ours": block,
    }
    ways = ["eager", "grouped_mm"] + ["batched_mm"] * (tokens <= 64)
    blocks |= {way: peer(s, block, way) for way in ways}
    blocks["grouped_mm compiled"] = torch.compile(peer(s, block, "grouped_mm"), dynamic=False)
    narrow = _random(MoE(s.width, UNIT, block.choices).cuda().bfloat16())
    blocks["routing"] = torch.compile(narrow, dynamic=False)
    return blocks


def both(block: nn.Module, x: Tensor, d: Tensor) -> Callable[[], Any]:
    """A forward and a backward pass."""
    leaves = [x, *block.parameters()]
    return lambda: torch.autograd.grad(block(x), leaves, d)


def forward(block: nn.Module, x: Tensor) -> Callable[[], Any]:
    """A forward pass that keeps nothing."""
    return lambda: torch.no_grad()(block)(x)


def working(calls: Calls) -> tuple[Calls, dict[str, str]]:
    """Those that run, and the errors of the others."""
    good, errors = {}, {}
    for name, call in calls.items():
        try:
            call()
            good[name] = call
        except Exception as error:
            errors[name] = repr(error)[:200]
    return good, errors


def agreement(blocks: dict[str, nn.Module], x: Tensor) -> dict[str, float]:
    """How far each result is from that of grouped_mm, as a share of its norm."""
    with torch.no_grad():
        expected = blocks["grouped_mm"](x).float()
        near = {name: blocks[name](x).float() for name in ("ours", "eager")}
    return {name: float((y - expected).norm() / expected.norm()) for name, y in near.items()}


def block_times(s: Shape, tokens: int) -> dict[str, Any]:
    """A shape's row: limit, products, ours, peers; forward, and with the backward pass."""
    blocks, rows = contestants(s, tokens), tokens * s.top_k
    x = torch.randn(1, tokens, s.width, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    d, table = torch.randn_like(x), {"distance": agreement(blocks, x)}
    flop = 6.0 * rows * s.width * s.hidden
    up, down = (torch.randn(n, m, device="cuda", dtype=torch.bfloat16)
                for n, m in ((s.width, 2 * s.hidden), (s.hidden, s.width)))  # fmt: skip
    a, b = (torch.randn(rows, n, device="cuda", dtype=torch.bfloat16) for n in (s.width, s.hidden))
    h = torch.randn(rows, 2 * s.hidden, device="cuda", dtype=torch.bfloat16)

    def products() -> None:
        a @ up
        b @ down

    def all_products() -> None:
        products()
        for left, right in ((a, down.T), (h, up.T), (a.T, h), (b.T, a)):
            left @ right

    for direction, times, call in (("forward", 1, products), ("both", 3, all_products)):
        make = forward if direction == "forward" else lambda block, x: both(block, x, d)
        calls, errors = working({name: make(block, x) for name, block in blocks.items()})
        medians = {"limit": round(1e3 * times * flop / PEAK, 4)}
        medians |= milliseconds({"products": call} | calls)
        table[direction] = medians | {"errors": errors} if errors else medians
    return table


def recorded(call: Callable[[], Any]) -> Callable[[], Any]:
    """A call as a CUDA graph."""
    beside = torch.cuda.Stream()
    with torch.cuda.stream(beside):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def decoding_times(s: Shape, tokens: int) -> dict[str, Any]:
    """A few tokens: the time to read the experts that they chose, and every contestant's."""
    blocks = contestants(s, tokens)
    x = torch.randn(1, tokens, s.width, device="cuda", dtype=torch.bfloat16)
    block: Any = blocks["plain ours"]
    chosen = block.router(x[0]).topk(s.top_k).indices.unique()
    size = 3 * s.width * s.hidden * 2 * len(chosen)
    buffers = torch.empty(2, 2**31, dtype=torch.uint8, device="cuda")
    calls, errors = working({name: forward(block, x) for name, block in blocks.items()})
    graphs = {}
    for name, call in calls.items():
        try:
            graphs[f"{name}, recorded"] = recorded(call)
        except Exception as error:
            errors[f"{name}, recorded"] = repr(error)[:200]
            torch.cuda.synchronize()
    medians = milliseconds({"copy": lambda: buffers[0].copy_(buffers[1])} | calls | graphs)
    rate = 2 * 2**31 / medians.pop("copy")  # bytes a millisecond, read and written
    row = {"experts": len(chosen), "reading": round(size / rate, 4)} | medians
    return row | {"errors": errors} if errors else row


def training_speed(engine: str, precision: str) -> dict[str, float]:
    """Tokens a second of the shared loop with an engine in a precision, and its mean loss."""
    told = TRAINED.model_copy(update={"precision": precision})
    row = np.random.default_rng(0).integers(0, 16384, 4_000_000).astype(np.uint16)
    torch.manual_seed(0)
    model = TransformerLM(**told.choices(16384))
    for part in mixtures(model):
        part.engine = engine
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        training = Training(model, row, told, Path(folder), "bench", fast.step_swaps)
        training.progress.disable = True
        for _ in range(3):
            training.advance()
        for _ in range(ROUNDS):
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(STEPS):
                training.advance()
            torch.cuda.synchronize()
            speeds.append(STEPS * told.tokens_per_step / (time.perf_counter() - start))
        loss = training.loss.item() / training.summed
    return {"speed": round(statistics.median(speeds)), "loss": loss}


def training_speeds() -> dict[str, Any]:
    """Every engine's, one after the other: a step's recording takes 30 GiB."""
    ENGINES[NOT_COMPILED] = torch.compiler.disable(ENGINES["grouped"])
    results = {}
    for name, (engine, precision) in TRAININGS.items():
        results[name] = training_speed(engine, precision)
        print(name, results[name], flush=True)
        _forget()
    row: dict[str, Any] = {name: each["speed"] for name, each in results.items()}
    for name in TRAININGS:
        if name.startswith("kernels"):
            for peer_name in TRAININGS:
                if peer_name.startswith("grouped"):
                    row[f"{name} to {peer_name}"] = round(row[name] / row[peer_name], 3)
    return row | {"losses": {name: each["loss"] for name, each in results.items()}}


def _forget() -> None:
    """Give back what was compiled and recorded."""
    torch._dynamo.reset()
    gc.collect()
    torch.cuda.empty_cache()


def main(wanted: list[str]) -> None:
    """Print and save all of it, or what is asked for, as it comes."""
    table: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__}
    old = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    table = old if {name: old.get(name) for name in table} == table else table
    jobs: list[tuple[str, str, Callable[[], Any]]] = []
    for name, shape in SHAPES.items():
        for tokens in TOKENS[name]:
            key = f"{name}, {tokens} tokens"
            jobs.append(("blocks", key, lambda s=shape, n=tokens: block_times(s, n)))
        jobs.append(("decoding", f"{name}, 16 tokens", lambda s=shape: decoding_times(s, 16)))
    jobs.append(("training", "v6-like, 8 experts, top 2", training_speeds))
    for kind, name, measure in jobs:
        if not wanted or kind in wanted:
            try:
                table.setdefault(kind, {})[name] = measure()
            except Exception as error:  # the others are still worth their time
                table.setdefault(kind, {})[name] = {"error": repr(error)[:500]}
            print(json.dumps({name: table[kind][name]}), flush=True)
            _forget()
            RESULTS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
