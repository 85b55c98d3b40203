"""Frozen maps: quantised, dequantised, replaced."""

from typing import Any

import torch
from torch import Tensor, nn


def quantise(weight: Tensor, bias: nn.Parameter | None = None, double: bool = True) -> nn.Module:
    """A frozen map in NF4, from its matrix (N, K), where that lies."""
    from bitsandbytes.nn.modules import Linear4bit, Params4bit

    rows, columns = weight.shape
    module = Linear4bit(
        columns, rows, bias=False, compute_dtype=weight.dtype, quant_type="nf4", device="meta"
    )
    module.weight = Params4bit(weight, compress_statistics=double, quant_type="nf4", module=module)
    module.weight._quantize(weight.device)  # as moving it to its device would, on a CPU too
    module.register_parameter("bias", bias)
    return module


def quantised(module: Any) -> bool:
    """Whether a map is kept in 4 bits."""
    return getattr(getattr(module, "weight", None), "quant_state", None) is not None


def matrix(module: Any, dtype: torch.dtype, out: Tensor | None = None) -> Tensor:
    """The matrix (N, K) that a map multiplies with, dequantised if it has to be."""
    if not quantised(module):
        return module.weight.to(dtype) if out is None else out.copy_(module.weight)
    data, state = module.weight.data, module.weight.quant_state
    if data.is_cuda:
        from brnb.ops.kernels import nf4  # Triton comes with PyTorch for GPUs only

        if nf4.readable(data, state):
            full = torch.empty(state.shape, dtype=dtype, device=data.device) if out is None else out
            return nf4.dequantise(data, state, full)
    import bitsandbytes.functional as bnb

    full = bnb.dequantize_4bit(data, state).to(dtype)
    return full if out is None else out.copy_(full)


def plain_map(weight: Tensor, bias: nn.Parameter | None = None) -> nn.Linear:
    """A frozen map with this very matrix (N, K)."""
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    module.weight = nn.Parameter(weight, requires_grad=False)
    module.register_parameter("bias", bias)
    return module


def release(module: Any) -> None:
    """Let go of the memory of a map that is replaced.

    A map of bitsandbytes and its weight refer to each other: without this, both stay until
    Python's garbage collector finds them.
    """
    module.weight = None
