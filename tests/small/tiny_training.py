"""Every form of model of Track 1, tiny, and a row of tokens with something to learn."""

from pathlib import Path

import numpy as np
import torch

from brnb.fingerprint import notebook_cells
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.params import literals
from brnb.train.params import ModernParams, RecurrentParams, TrainParams, TransformerParams

VOCABULARY, STEPS = 19, 12
COMMON = {
    "profile": "test", "run_id": "test", "seed": 3, "lang": "en", "tokenizer": "none",
    "cleaning": "early", "tokens": STEPS * 32, "batch_size": 4, "seq_len": 8,
    "learning_rate": 1e-2, "final_learning_rate": 0.1, "warmup_steps": 2, "weight_decay": 0.01,
    "grad_clip": 1.0, "precision": "fp32", "device": "cpu", "log_every": 5, "evaluate_every": 4,
    "checkpoint_seconds": 0.0, "validation_documents": 1, "sample_tokens": 4, "sample_seeds": 1,
    "temperature": 1.0, "top_p": 1.0, "dropout": 0.2,
}  # fmt: skip
RECURRENT = {"hidden_size": 12, "embedding_size": 8}
BLOCKS = {"width": 16, "layers": 2, "heads": 2, "hidden": 24, "tied": True}
GPT = BLOCKS | {
    "kv_heads": 2, "norm": "layernorm", "position": "learned", "mlp": "gelu", "bias": True,
}  # fmt: skip
LLAMA = BLOCKS | {
    "kv_heads": 1, "norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "bias": False,
}  # fmt: skip


def recipe():
    """What makes v7 modern, as its chapter has it."""
    notebook = Path(__file__).parents[2] / "notebooks/10_v7_modern_recipe.ipynb"
    found = next(literals(source) for source, tags in notebook_cells(notebook) if tags)
    known = set(ModernParams.model_fields) - set(TrainParams.model_fields) - {*BLOCKS, *COMMON}
    return {name: value for name, value in found.items() if name in known}


MODERN = BLOCKS | recipe() | {"kv_heads": 1}
MODERN |= {name: 1e-2 for name in MODERN if name.endswith("learning_rate")}  # calm, if this small
FORMS = {
    "v1": RECURRENT | {"cell": "lstm", "layers": 1},
    "v2": RECURRENT | {"cell": "lstm", "layers": 2},
    "v3": RECURRENT | {"cell": "lstm", "layers": 3},
    "v4": RECURRENT | {"cell": "gru", "layers": 1},
    "v5": GPT,
    "v6": LLAMA,
    "v7": MODERN,
}


def row(length, seed):
    """Ids with something to learn: a walk with small steps."""
    steps = np.random.default_rng(seed).integers(-1, 2, size=length)
    return (steps.cumsum() % VOCABULARY).astype(np.uint16)


TRAIN, VALIDATION = row(400, 0), row(90, 1)


def prepare(form, **change):
    """A fresh model of a form, and its parameters."""
    torch.manual_seed(7)
    values = COMMON | FORMS[form] | change
    if "cell" in values:
        params = RecurrentParams(**values)
        sizes = params.hidden_size, params.layers, params.embedding_size
        return RecurrentLM(VOCABULARY, *sizes, params.cell, params.dropout), params
    params = (ModernParams if "optimizer" in values else TransformerParams)(**values)
    return TransformerLM(**params.choices(VOCABULARY)), params
