"""A small Llama, its parameters and packs of random documents, for the tests of this folder."""

import numpy as np
import torch
from transformers import LlamaConfig

from brnb.bases.load import random_base
from brnb.finetune.lora import adapt, trained
from brnb.finetune.packing import Pack
from brnb.finetune.params import FinetuneParams

CPU = torch.device("cpu")
VOCABULARY = 97
MAPS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CONFIG = LlamaConfig(
    vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    tie_word_embeddings=False, bos_token_id=None, eos_token_id=1,
)  # fmt: skip
VALUES = {
    "profile": "test", "run_id": "test", "seed": 3, "lang": "en", "base": "none", "revision": None,
    "start": None, "quantization": "nf4", "double_quantization": True, "rank": 4, "alpha": 8,
    "dropout": 0.0, "target_modules": MAPS, "seq_len": 24, "packs_per_step": 3, "epochs": 2,
    "learning_rate": 1e-2, "final_learning_rate": 0.1, "warmup": 0.2, "weight_decay": 0.01,
    "grad_clip": 1.0, "memory_limit_gib": None, "precision": "fp32", "device": "cpu",
    "log_every": 2, "evaluate_every": 3, "checkpoint_seconds": 0.0, "near_duplicate": 0.8,
}  # fmt: skip


def params(**changed):
    """Parameters of a small training; unknown names are left to `FinetuneParams` to refuse."""
    known = {name: VALUES[name] for name in VALUES if name in FinetuneParams.model_fields}
    return FinetuneParams(**(known | changed))


def model(nf4=True, busy=True, dtype=torch.float32, config=CONFIG, **changed):
    """An adapted model of random weights; `busy` adapters are far from zero."""
    torch.manual_seed(0)
    adapted = adapt(random_base(config, nf4, dtype, CPU), params(**changed))
    if busy:
        for parameter in trained(adapted):
            parameter.data.normal_(std=0.2)
    return adapted


def pack(lengths, seed=0, supervised=0.7):
    """A pack of random documents, some of whose tokens are targets."""
    random = np.random.default_rng([seed, *lengths])
    ids = torch.from_numpy(random.integers(2, VOCABULARY, sum(lengths)))
    labels = torch.where(torch.from_numpy(random.random(len(ids)) < supervised), ids, -100)
    positions = torch.cat([torch.arange(n) for n in lengths])
    labels[positions == 0] = -100
    return Pack(ids, labels, positions, tuple(lengths))


def packs(count, seed=0):
    """Packs of one to three documents."""
    shapes = [(9, 8, 7), (24,), (5, 16), (12, 12), (3,)]
    return [pack(shapes[i % len(shapes)], seed + i) for i in range(count)]
