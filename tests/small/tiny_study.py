"""What small studies have in common: parameters of their trainings, and rows of random tokens."""

from types import SimpleNamespace

import numpy as np

from brnb.train.rows import Rows, TokenRow

TRAINING = {
    "profile": "test", "seed": 3, "lang": "en", "tokenizer": "none", "cleaning": "v6",
    "batch_size": 3, "seq_len": 8, "learning_rate": 1e-2, "final_learning_rate": 0.0,
    "warmup_steps": 0, "weight_decay": 0.1, "grad_clip": 1.0, "precision": "fp32", "device": "cpu",
    "log_every": 5, "checkpoint_seconds": 1e9, "validation_documents": 2, "sample_tokens": 4,
    "sample_seeds": 1, "temperature": 1.0, "top_p": 1.0, "dropout": 0.0, "width": 16,
    "layers": 2, "heads": 2, "norm": "rmsnorm", "position": "rope", "bias": False,
}  # fmt: skip


def row(length, seed):
    """Two documents of random ids below 19."""
    ids = np.random.default_rng(seed).integers(0, 19, size=length).astype(np.uint16)
    return TokenRow(ids, 2, np.array([length, length], dtype=np.uint32))


ROWS = Rows(SimpleNamespace(vocab_size=19), row(400, 0), row(90, 1), "data")
