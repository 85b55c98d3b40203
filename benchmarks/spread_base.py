"""QLoRA whose base is spread over two GPUs, beside a whole base on each.

    python benchmarks/spread_base.py [--processes 2] [--seconds 90] [--results benchmarks/results]

Random weights in the shapes of Llama 3.1 8B and 70B, rank 16 on all seven maps, sequences of 2048.
Each case is held to a limit of memory a GPU and planned for it, as a chapter's training is; its
tokens per second are those of both GPUs together, its memory that of the fuller one. The loss of
the first and the last step says that all do the same. Without GPUs a toy runs.
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("TQDM_MININTERVAL", "60")

import numpy as np
import torch
from transformers import LlamaConfig

from brnb.bases.attention import packed_attention
from brnb.bases.load import random_base
from brnb.bases.shards import Shards
from brnb.finetune import loop
from brnb.finetune.lora import adapt, base_of
from brnb.finetune.packing import Pack
from brnb.finetune.params import FinetuneParams
from brnb.train import parallel

GPU = torch.cuda.is_available()
SEQ_LEN = 2048 if GPU else 32
TOY = {
    "vocab_size": 500, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip
LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
}  # fmt: skip
LLAMA_70B = LLAMA_8B | {
    "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80,
    "num_attention_heads": 64,
}  # fmt: skip
SHAPES = {"8B": LLAMA_8B, "70B": LLAMA_70B} if GPU else {"8B": TOY, "70B": TOY}
CASES = [  # name, shape, quantisation, spread, GiB a GPU, sequences a step
    ("8B spread", "8B", "nf4", True, 24.0, 8),
    ("8B whole", "8B", "nf4", False, 24.0, 8),
    ("70B spread", "70B", "nf4", True, 32.0, 4),
]
WARM_UP, STEPS = 2, 3


def params(quantization: str, gib: float, sequences: int) -> FinetuneParams:
    """The recipe."""
    return FinetuneParams(
        profile="bench", run_id="bench", seed=0, lang="en", base="random", revision=None,
        start=None, quantization=quantization, double_quantization=True, rank=16, alpha=32,
        dropout=0.0, seq_len=SEQ_LEN, packs_per_step=sequences, epochs=1, learning_rate=2e-4,
        final_learning_rate=1.0, warmup=0.0, weight_decay=0.0, grad_clip=1.0,
        memory_limit_gib=gib, precision="bf16", device="auto", log_every=10**6,
        evaluate_every=10**6, checkpoint_seconds=1e9, near_duplicate=0.8,
        target_modules=[
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    )  # fmt: skip


def texts(vocabulary: int, count: int) -> list[Pack]:
    """Random documents, each a whole pack, all of whose tokens but the first are targets."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        ids = torch.from_numpy(random.integers(5, vocabulary, SEQ_LEN))
        labels = ids.clone()
        labels[0] = -100
        found.append(Pack(ids, labels, torch.arange(SEQ_LEN), (SEQ_LEN,)))
    return found


def measure(
    world: parallel.World, device: torch.device, shape: str, quantization: str, spread: bool,
    gib: float, sequences: int,
) -> dict[str, Any]:  # fmt: skip
    """One case, in one of the processes."""
    p = params(quantization, gib, sequences)
    config = LlamaConfig(**SHAPES[shape], tie_word_embeddings=False)
    torch.manual_seed(0)  # all draw the same base
    begun = time.perf_counter()
    shards = Shards(world) if spread else None
    base = random_base(config, quantization == "nf4", torch.bfloat16, device, shards)
    model = adapt(base, p)
    found: dict[str, Any] = {"built_s": round(time.perf_counter() - begun, 1)}
    if GPU:
        found["base_gib"] = round(torch.cuda.memory_allocated() / 2**30, 2)
    packs = texts(config.vocab_size, sequences * (WARM_UP + STEPS))
    rates, losses = [], []
    with tempfile.TemporaryDirectory() as folder:
        training = loop.Finetuning(model, packs, p, Path(folder), "bench")
        with packed_attention(base_of(model)):
            while training.step < training.steps:
                start = time.perf_counter()
                training.summed.zero_()
                training.advance()
                nats, targets = training.summed.tolist()  # waits for the GPU
                losses.append(nats / targets)
                rates.append(sequences * SEQ_LEN / (time.perf_counter() - start))
    plan = training.gradients.plan
    found |= {"tok_s": round(statistics.median(rates[WARM_UP:])), "plan": plan.resources()}
    found |= {"first_loss": round(losses[0], 4), "last_loss": round(losses[-1], 4)}
    if GPU:
        found["peak_gib"] = round(max(world.gather(torch.cuda.max_memory_allocated())) / 2**30, 2)
        found["predicted_gib"] = round((plan.predicted or 0) / 2**30, 2)
    return found


def work(path: str, until: float) -> None:
    """What each process does; the first writes after every case."""
    device = torch.device("cuda" if GPU else "cpu")
    world = parallel.join(device)
    for name, *case in CASES:
        if max(world.gather(time.time())) > until:
            break
        if GPU:
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.reset_peak_memory_stats()
        try:
            found = measure(world, device, *case)
        except Exception as error:
            traceback.print_exc()
            found = {"error": repr(error)[:300]}
        if world.rank == 0:
            results = json.loads(Path(path).read_text("utf-8"))
            results["cases"].append({"case": name, "limit_gib": case[3]} | found)
            print(json.dumps(results["cases"][-1]), flush=True)
            Path(path).write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        gc.collect()
        if GPU:
            torch.cuda.empty_cache()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    until = time.time() + options.seconds
    path = options.results / "spread_base.json"
    machine = {
        "gpu": torch.cuda.get_device_name() if GPU else "none",
        "torch": torch.__version__,
        "processes": options.processes,
    }
    options.results.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(machine | {"cases": []}), "utf-8")
    device = torch.device("cuda" if GPU else "cpu")
    parallel.launch(options.processes, device, work, str(path), until)
