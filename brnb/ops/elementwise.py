"""What layers compute beside their products, each one kernel on a GPU.

Shapes: T tokens, d the residual stream, H heads of D numbers.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from brnb.ops import rope
from brnb.ops.activation import activation


def fused_on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a GPU run an elementwise function as one kernel for any T; a CPU runs it as it stands.

    The first dimension of its matrices is T. All that has T rows has to be a matrix: a vector's
    length is taken for a constant, and a kernel of each length would be compiled.
    """
    compiled = cache(lambda: torch.compile(function, dynamic=False))

    def call(x: Tensor, *others: Any) -> Any:
        if not x.is_cuda:
            return function(x, *others)
        for tensor in (x, *others):
            if isinstance(tensor, Tensor) and tensor.dim() > 1:
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return compiled()(x, *others)

    return call


def rms_unit(x: Tensor, eps: float) -> Tensor:
    """Each row over its root mean square, in fp32 (Zhang & Sennrich, 2019)."""
    wide = x.float()
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)


@fused_on_gpu
def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of each row, rounded once; `brnb.ops.decoding` rounds before the gain,
    as transformers does."""
    return (rms_unit(x, eps) * gain).to(x.dtype)


@fused_on_gpu
def rms_norm_backward(grad: Tensor, x: Tensor, gain: Tensor, eps: float, direct: Tensor) -> Tensor:
    """Gradient of its input; `direct` is what reaches x past the norm."""
    wide, g = x.float(), grad.float() * gain
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    unit = wide * scale
    return (scale * (g - unit * (g * unit).mean(-1, keepdim=True)) + direct).to(x.dtype)


@fused_on_gpu
def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up of rows that hold both."""
    gate, up = gate_up.chunk(2, -1)
    return activation("swiglu", up, gate.float()).to(gate_up.dtype)


@fused_on_gpu
def swiglu_backward(grad: Tensor, gate: Tensor, up: Tensor, d_gate: Tensor, d_up: Tensor) -> Tensor:
    """Fill in the gradients of gate and up; return the product again."""
    g, wide, u = grad.float(), gate.float(), up.float()
    sigmoid = torch.sigmoid(wide)
    silu = wide * sigmoid
    d_gate.copy_(g * u * (sigmoid + silu * (1 - sigmoid)))
    d_up.copy_(g * silu)
    return (silu * u).to(grad.dtype)


@fused_on_gpu
def rotate_into(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cos: Tensor,
    sin: Tensor,
    q_out: Tensor,
    k_out: Tensor,
    v_out: Tensor,
) -> None:
    """Fill in queries and keys at their rotary positions (Su et al., 2021), and values.

    They have shape (T, H, D), what is filled in (T, H·D), `cos` and `sin` (T, D); -sin turns back.
    """
    half = q.shape[-1] // 2
    c, s = cos[:, None, :half], sin[:, None, :half]
    for heads, out in ((q, q_out), (k, k_out)):
        out.copy_(rope.rotate(heads.float(), c, s).flatten(1))
    v_out.copy_(v.flatten(1))
