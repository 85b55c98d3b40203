"""Weights, gradients and moments spread over the GPUs (FSDP2): for models too large for one."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

STATE_BYTES = 16  # a weight in fp32, its gradient, and AdamW's two moments


def is_needed(model: nn.Module, device: torch.device) -> bool:
    """Whether the state of a training takes more than half of a GPU; activations need the rest."""
    if device.type != "cuda":
        return False
    size = STATE_BYTES * sum(p.numel() for p in model.parameters())
    return size > torch.cuda.get_device_properties(device).total_memory / 2


def shard(model: nn.Module) -> None:
    """Leave to each process its part of every parameter; blocks are gathered one at a time."""
    for block in getattr(model, "blocks", ()):
        fully_shard(block)
    fully_shard(model)


def whole(value: Any, kept: bool = True) -> Any:
    """The full tensors of lists and dicts, those that were sharded in the host's memory.

    Every process has to ask; one that does not keep them gets None in their places.
    """
    if isinstance(value, DTensor):
        full = value.full_tensor()
        return full.cpu() if kept else None  # one after the other: a GPU may not hold them all
    if isinstance(value, dict):
        return {name: whole(part, kept) for name, part in value.items()}
    return [whole(part, kept) for part in value] if isinstance(value, list) else value


def load_whole(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a model whole weights, be it sharded or not."""
    if isinstance(model, FSDPModule):
        sharded = model.state_dict()
        weights = {name: _like(sharded[name], weight) for name, weight in weights.items()}
    model.load_state_dict(weights)


def spread_moments(optimizer: torch.optim.Optimizer) -> None:
    """Cut an optimizer's whole moments so that each process keeps those of its own weights."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = _like(parameter, value)


def _like(part: Tensor, value: Tensor) -> Tensor:
    """A whole tensor, sharded as another is."""
    if not isinstance(part, DTensor) or isinstance(value, DTensor):
        return value
    return distribute_tensor(value.to(part.device), part.device_mesh, part.placements)
