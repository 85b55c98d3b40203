"""What the benchmarks of QLoRA share: the model, its limit of memory, our loop, a clock."""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from transformers import LlamaConfig

from brnb.bases.attention import packed_attention
from brnb.bases.load import random_base
from brnb.finetune import budget, loop
from brnb.finetune.lora import adapt, base_of
from brnb.finetune.packing import Example, Pack, pack
from brnb.finetune.params import FinetuneParams

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda:0" if GPU else "cpu")
SEQ_LEN = 2048 if GPU else 64
LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "max_position_embeddings": 131072, "tie_word_embeddings": False,
}  # fmt: skip
SMALL = LLAMA_8B | {
    "vocab_size": 4096, "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6,
    "num_attention_heads": 8, "num_key_value_heads": 4,
}  # fmt: skip
TOY = SMALL | {
    "vocab_size": 500, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
}  # fmt: skip
SHAPE = LLAMA_8B if GPU else TOY
GIB = 24.0  # that a process may allocate


def params(**changed: Any) -> FinetuneParams:
    """The recipe."""
    values: dict[str, Any] = {
        "profile": "bench", "run_id": "bench", "seed": 0, "lang": "en", "base": "random",
        "revision": None, "start": None, "quantization": "nf4", "double_quantization": True,
        "rank": 16, "alpha": 32, "dropout": 0.0, "target_modules": [
            "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        "seq_len": SEQ_LEN, "packs_per_step": 2, "epochs": 1, "learning_rate": 2e-4,
        "final_learning_rate": 1.0, "warmup": 0.0, "weight_decay": 0.0, "grad_clip": 1.0,
        "memory_limit_gib": GIB, "precision": "bf16", "device": "auto", "log_every": 10**6,
        "evaluate_every": 10**6, "checkpoint_seconds": 1e9, "near_duplicate": 0.8,
    }  # fmt: skip
    known = {name: value for name, value in values.items() if name in FinetuneParams.model_fields}
    return FinetuneParams(**(known | changed))


def fresh(shape: dict[str, Any] = SHAPE) -> PeftModel:
    """A new model under the limit of memory; the one before has to be gone."""
    gc.collect()
    budget.limit_memory(GIB, DEVICE)
    if GPU:
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    return adapt(random_base(LlamaConfig(**shape), True, torch.bfloat16, DEVICE), params())


def packed(lengths: Sequence[int], supervised: Sequence[int]) -> list[Pack]:
    """Packs of random documents; the last `supervised` tokens of each are targets."""
    random = np.random.default_rng(0)
    found = []
    for number, (length, own) in enumerate(zip(lengths, supervised, strict=True)):
        ids = random.integers(5, SHAPE["vocab_size"], length)
        labels = np.where(np.arange(length) >= max(1, length - own), ids, -100)
        found.append(Example(str(number), ids, labels, length))
    return pack(found, SEQ_LEN, 0)


def whole(count: int) -> list[Pack]:
    """Packs of one document each: the data of all who do not pack."""
    return packed([SEQ_LEN] * count, [SEQ_LEN] * count)


def timed(step: Callable[[], int], warm: int = 2, count: int = 5) -> dict[str, Any]:
    """Median tokens a second of `step`, which returns its real tokens, and the peak memory."""
    for _ in range(warm):
        step()
    rates = []
    if GPU:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(count):
        start = time.perf_counter()
        tokens = step()
        if GPU:
            torch.cuda.synchronize()
        rates.append(tokens / (time.perf_counter() - start))
    found: dict[str, Any] = {"tok_s": round(statistics.median(rates))}
    if GPU:
        found["gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        found["reserved_gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
    return found


@contextmanager
def training(model: PeftModel, packs: list[Pack], **changed: Any) -> Iterator[loop.Finetuning]:
    """Our loop, ready to advance."""
    with tempfile.TemporaryDirectory() as folder:
        run = loop.Finetuning(model, packs, params(**changed), Path(folder), "bench")
        with packed_attention(base_of(model)):
            yield run


def advancing(run: loop.Finetuning) -> Callable[[], int]:
    """One optimizer step of our loop."""

    def step() -> int:
        if run.step >= run.steps:
            run.step = 0
        before = run.history.tokens
        run.advance()
        return run.history.tokens - before

    return step
