"""The optimizer of Track 1 and its learning rate."""

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from brnb.train.params import TrainParams


def learning_rate(step: int, params: "TrainParams") -> float:
    """Linear warm-up, then a cosine from the peak to its final share."""
    warmup = max(1, round(params.warmup * params.steps))
    if step < warmup:
        return params.learning_rate * (step + 1) / warmup
    part = (step - warmup) / max(1, params.steps - warmup)
    low = params.learning_rate * params.final_learning_rate
    return low + (params.learning_rate - low) * 0.5 * (1 + math.cos(math.pi * part))


def make_optimizer(model: nn.Module, params: "TrainParams") -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only (Loshchilov & Hutter, 2019)."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": params.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.95), fused=True)
