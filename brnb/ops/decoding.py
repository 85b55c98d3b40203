"""What stands between the products of a Llama layer that answers, rounded as transformers rounds.

Answers of the engine are those of transformers only if every intermediate result is rounded where
theirs is. The definitions here do, on a CPU, to the bit; `brnb.ops.kernels.decoding` does on a GPU.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.ops import activation, rope
from brnb.ops.elementwise import rms_unit


@torch.library.custom_op("brnb::rms_norm", mutates_args=(), device_types="cpu")
def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of the rows of (N, d), in fp32 up to the gain."""
    return gain * rms_unit(x, eps).to(x.dtype)


def _head_norm(heads: Tensor, gain: Tensor, eps: float) -> Tensor:
    return rms_norm(heads.flatten(0, 1), gain, eps).view_as(heads)


@torch.library.custom_op("brnb::swiglu", mutates_args=(), device_types="cpu")
def swiglu(joined: Tensor) -> Tensor:
    """silu(gate) * up of rows (N, 2F) that hold both."""
    gate, up = joined.chunk(2, -1)
    return activation.activation("swiglu", up, gate)


@torch.library.custom_op(
    "brnb::rotate_and_store", mutates_args=("keys", "values"), device_types="cpu"
)
def rotate_and_store(
    joined: Tensor,
    gains: Sequence[Tensor],
    eps: float,
    cos: Tensor,
    sin: Tensor,
    rows: Tensor,
    keys: Tensor,
    values: Tensor,
) -> Tensor:
    """Rotate queries and keys of rows (N, (H + 2K) D); store keys and values, return the queries.

    Parameters
    ----------
    gains, eps
        Of the root-mean-square norms of queries and keys before that (QK-norm: Henry et al., 2020;
        here as in Qwen3), (D,) each; no gains without such norms.
    cos, sin
        Of the angles of each token, (N, D): both halves alike.
    rows
        Where the keys and values of each token go, (N,).
    keys, values
        (places, K, D), of the same strides.

    Returns
    -------
    queries
        (N, H, D).
    """
    kv, size = keys.shape[1:]
    heads = joined.unflatten(1, (-1, size))
    q, k, v = heads.split([heads.shape[1] - 2 * kv, kv, kv], 1)
    if gains:
        q, k = (_head_norm(part, gain, eps) for part, gain in zip((q, k), gains, strict=True))
    c, s = (part[:, None, : size // 2] for part in (cos, sin))
    keys[rows], values[rows] = rope.rotate(k, c, s), v
    return rope.rotate(q, c, s)


@torch.library.custom_op("brnb::attend_slots", mutates_args=(), device_types="cpu")
def attend_slots(
    q: Tensor, keys: Tensor, values: Tensor, positions: Tensor, scale: float
) -> Tensor:
    """Attention of one token a slot (S, H, D) to the keys (slots, length, K, D) up to its own.

    There may be more slots than tokens.
    """
    return exact_attend_slots(q, keys, values, positions, scale)


def exact_attend_slots(
    q: Tensor, keys: Tensor, values: Tensor, positions: Tensor, scale: float
) -> Tensor:
    """`attend_slots` in PyTorch, for any device and head_dim.

    Query heads that share a key head are stacked as if they were queries of it.
    """
    k, v = (part[: len(q)].transpose(1, 2) for part in (keys, values))
    mask = torch.arange(keys.shape[1], device=q.device) <= positions[:, None]
    grouped = q.unflatten(1, (keys.shape[2], -1))
    out = F.scaled_dot_product_attention(grouped, k, v, mask[:, None, None], scale=scale)
    return out.flatten(1, 2)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import decoding as kernels

    rms_norm.register_kernel("cuda", kernels.rms_norm)
    swiglu.register_kernel("cuda", kernels.swiglu)
    rotate_and_store.register_kernel("cuda", kernels.rotate_and_store)

    @attend_slots.register_kernel("cuda")
    def _(q: Tensor, *rest: Any) -> Tensor:
        has_kernel = q.shape[-1] in kernels.HEAD_DIMS
        return (kernels.attend_slots if has_kernel else exact_attend_slots)(q, *rest)
