"""Cross-entropy of a language model's head with products in 8 bits (`brnb.ops.fp8`)."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brnb.ops import formats, fp8
from brnb.ops.loss import fused_cross_entropy, rows_at_a_time, turn_into_gradient

LOGIT_GRADIENTS = 2.0**14  # of size 1 at most: probabilities down to 1e-9 are seen in 8 bits


def cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, softcap: float | None = None
) -> Tensor:
    """`brnb.ops.loss.fused_cross_entropy` of a head without bias, its products in 8 bits.

    Two bytes per logit are kept, for products that the backward pass makes; without gradients it
    is the other's own.
    """
    if not torch.is_grad_enabled():
        return fused_cross_entropy(hidden, weight, targets, softcap)
    hidden, targets = hidden.flatten(0, -2), targets.flatten()
    loss: Tensor = InPartsIn8Bits.apply(
        hidden, weight, targets, softcap, rows_at_a_time(len(weight))
    )
    return loss


class InPartsIn8Bits(torch.autograd.Function):
    """The loss of `rows` tokens at a time; the backward pass multiplies their gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        softcap: float | None,
        rows: int,
    ) -> Tensor:
        """Mean loss; see `cross_entropy`."""
        n, v, scalar = len(hidden), len(weight), partial(fp8.scalar, like=hidden)
        x8, x8t = fp8.with_transpose(hidden, scalar(formats.INPUTS), formats.E4M3)
        w8, w8t = fp8.with_transpose(weight, scalar(formats.WEIGHTS), formats.E4M3)
        factor = scalar(1 / (formats.INPUTS * formats.WEIGHTS))
        g8 = torch.empty(n, v, dtype=formats.E5M2, device=hidden.device)
        g8t = torch.empty(v, n, dtype=formats.E5M2, device=hidden.device)
        total = scalar(0.0)
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            logits = fp8.matmul(x8[part], w8, factor)
            total += gradients_in_8_bits(logits, targets[part], softcap, g8[part], g8t[:, part])
        ctx.save_for_backward(g8, g8t, x8t, w8t)
        ctx.dtypes = hidden.dtype, weight.dtype
        return total / n

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of hidden and weight."""
        (g8, g8t, x8t, w8t), (dtype, w_dtype) = ctx.saved_tensors, ctx.dtypes
        share = grad.float() / (len(g8) * LOGIT_GRADIENTS)
        dx = fp8.matmul_fp32(g8, w8t, share / formats.WEIGHTS, torch.bfloat16)
        dw = fp8.matmul_fp32(g8t, x8t, share / formats.INPUTS, torch.float32)
        return dx.to(dtype), dw.to(w_dtype), None, None, None


@torch.library.custom_op(
    "brnb::gradients_in_8_bits", mutates_args=("g8", "g8t"), device_types="cpu"
)
def gradients_in_8_bits(
    logits: Tensor, targets: Tensor, softcap: float | None, g8: Tensor, g8t: Tensor
) -> Tensor:
    """Sum of the rows' losses; `g8` becomes its gradient in e5m2, times `LOGIT_GRADIENTS`, and
    `g8t` the transpose, whose rows may lie apart."""
    gradient = logits.to(torch.float32, copy=True)
    loss = turn_into_gradient(gradient, targets, softcap)
    g8.copy_(fp8.to_fp8(gradient, LOGIT_GRADIENTS, formats.E5M2))
    g8t.copy_(g8.t())
    return loss


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import loss_fp8 as kernels

    @gradients_in_8_bits.register_kernel("cuda")
    def _(
        logits: Tensor, targets: Tensor, softcap: float | None, g8: Tensor, g8t: Tensor
    ) -> Tensor:
        return kernels.gradients_in_8_bits(logits, targets, softcap, LOGIT_GRADIENTS, g8, g8t)
