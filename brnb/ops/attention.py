"""Causal attention over a packed projection, for training on a GPU.

Reads queries, keys and values where one product left them, side by side, and writes their gradients
the same way: nothing is transposed, concatenated or converted in between. Queries and keys that
RoPE turns are written once, rotated; their gradients are rotated back on the way out.

The definition here, exact and for small CPU tensors, is what `brnb.ops.kernels.attention` does.
"""

import math
from typing import Any

import torch
from torch import Tensor

from brnb.ops.rope import rotate

# Tokens that a program owns; head dims that have sizes; tokens up to which these kernels are faster
# than cuDNN's, on an H200. Constants: to ask for a device's name would break a compiled graph.
BLOCK, HEAD_DIMS, LONGEST = 64, (32, 64), 2048


def fits(length: int, head_dim: int) -> bool:
    """Whether sequences are worth the kernels."""
    return length % BLOCK == 0 and length <= LONGEST and head_dim in HEAD_DIMS


@torch.library.custom_op("brnb::attention", mutates_args=(), device_types="cpu")
def attention(
    qkv: Tensor, cos: Tensor | None, sin: Tensor | None, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Causal attention.

    Parameters
    ----------
    qkv
        Queries, keys and values of all heads side by side, shape (B, T, 3·width); bf16 on a GPU.
    cos, sin
        Of the angles that RoPE turns queries and keys by (`brnb.ops.rope`), fp32 of shape
        (T, head_dim / 2); None for positions that are not rotated.
    heads
        Number of them.

    Returns
    -------
    out, normalisers, rotated
        Shape (B, T, width), and for the backward pass the logarithms to base 2 of the sums that
        probabilities were divided by, (B, heads, T), and queries and keys as they were rotated,
        (B, T, 2·width); empty if they were not.
    """
    q, k, v = _heads(qkv, heads)
    rotated = qkv.new_empty(_rotated_shape(qkv, cos))
    if cos is not None and sin is not None:
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        rotated = _packed(q, k)
    scores = _scores(q, k)
    normalisers = scores.logsumexp(-1)
    out = (scores - normalisers[..., None]).exp() @ v
    return _packed(out), normalisers / math.log(2), rotated


@torch.library.custom_op("brnb::attention_backward", mutates_args=(), device_types="cpu")
def attention_backward(
    d: Tensor,
    qkv: Tensor,
    out: Tensor,
    normalisers: Tensor,
    rotated: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    heads: int,
) -> Tensor:
    """Gradient of `qkv`, where that of `out` is d."""
    q, k, v = _heads(qkv, heads)
    if rotated.numel():
        q, k = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in rotated.chunk(2, -1))
    do, y = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (d, out))
    p = (_scores(q, k) - normalisers[..., None] * math.log(2)).exp()
    ds = p * (do @ v.mT - (do * y).sum(-1, keepdim=True)) / math.sqrt(q.shape[-1])
    dq, dk = ds @ k, ds.mT @ q
    if cos is not None and sin is not None:
        dq, dk = rotate(dq, cos, -sin), rotate(dk, cos, -sin)
    return _packed(dq, dk, p.mT @ do)


def _heads(qkv: Tensor, heads: int) -> list[Tensor]:
    """Queries, keys and values, shape (B, heads, T, head_dim) each."""
    return [part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)]


def _packed(*parts: Tensor) -> Tensor:
    return torch.cat([part.transpose(1, 2).flatten(2) for part in parts], -1)


def _scores(q: Tensor, k: Tensor) -> Tensor:
    later = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).triu(1)
    return (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(later, float("-inf"))


def _rotated_shape(qkv: Tensor, cos: Tensor | None) -> tuple[int, ...]:
    B, T, wide = qkv.shape
    return (0,) if cos is None else (B, T, wide // 3 * 2)


@attention.register_fake
def _(
    qkv: Tensor, cos: Tensor | None, sin: Tensor | None, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    B, T, wide = qkv.shape
    normalisers = qkv.new_empty(B, heads, T, dtype=torch.float32)
    return qkv.new_empty(B, T, wide // 3), normalisers, qkv.new_empty(_rotated_shape(qkv, cos))


@attention_backward.register_fake
def _(
    d: Tensor,
    qkv: Tensor,
    out: Tensor,
    normalisers: Tensor,
    rotated: Tensor,
    cos: Tensor | None,
    sin: Tensor | None,
    heads: int,
) -> Tensor:
    return torch.empty_like(qkv)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    qkv, cos, sin, ctx.heads = inputs
    ctx.save_for_backward(qkv, *output, cos, sin)


def _gradients(ctx: Any, d: Tensor, *_: Tensor) -> tuple[Tensor, None, None, None]:
    return attention_backward(d.contiguous(), *ctx.saved_tensors, ctx.heads), None, None, None


attention.register_autograd(_gradients, setup_context=_keep)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import attention as kernel

    attention.register_kernel("cuda", kernel.attention)
    attention_backward.register_kernel("cuda", kernel.attention_backward)
