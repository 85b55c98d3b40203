"""Norms at the start of a branch, whose gradient joins the stream's in one pass."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

WIDEST = 256  # of the stream; beyond it the compiler's own passes are as fast (H200)


def branch(norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The stream x and its norm, RMSNorm or LayerNorm, as a branch reads it.

    In training on a GPU the norm is in the stream's precision, which the products of the branch
    would give it, and both gradients are summed where they are made.
    """
    if not (norm.training and x.is_cuda and x.shape[-1] <= WIDEST):
        return x, norm(x)
    bias = getattr(norm, "bias", None)
    both: tuple[Tensor, Tensor] = Branch.apply(
        x, norm.weight, bias, norm.eps, isinstance(norm, nn.LayerNorm)
    )
    return both


class Branch(torch.autograd.Function):
    """x, and its norm."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gain: Tensor, bias: Tensor | None, eps: float, centred: bool
    ) -> tuple[Tensor, Tensor]:
        """Both in the precision of x."""
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        if centred:
            y = F.layer_norm(exact, x.shape[-1:], gain, bias, eps)
        else:
            y = exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + eps) * gain
        ctx.save_for_backward(x, gain)
        ctx.rest = bias is not None, eps, centred
        return x.clone(), y.to(x.dtype)  # compiled, the copy is none

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_stream: Tensor, d: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, gain and bias."""
        (x, gain), (has_bias, eps, centred) = ctx.saved_tensors, ctx.rest
        flat = (part.reshape(-1, x.shape[-1]) for part in (d, d_stream, x))
        dx, (d_gain, d_bias) = norm_back(*flat, gain, eps, centred)
        return dx.view_as(x), d_gain, d_bias if has_bias else None, None, None


@torch.library.custom_op("brnb::norm_back", mutates_args=(), device_types="cpu")
def norm_back(
    d: Tensor, d_stream: Tensor, x: Tensor, gain: Tensor, eps: float, centred: bool
) -> tuple[Tensor, Tensor]:
    """Gradients behind a norm.

    Parameters
    ----------
    d, d_stream
        Gradients of the norm and of the stream, shape (N, width).
    x
        The stream, same shape.
    gain
        Of the norm, shape (width,).
    centred
        Whether it is LayerNorm, with the mean taken off.

    Returns
    -------
    dx, sums
        Of x as the stream and under the norm, in its precision; of gain and bias, (2, width), in
        fp32 or more.
    """
    exact = torch.promote_types(x.dtype, torch.float32)
    dy, z = d.to(exact), x.to(exact)
    if centred:
        z = z - z.mean(-1, keepdim=True)
    scale = torch.rsqrt(z.square().mean(-1, keepdim=True) + eps)
    z = z * scale
    inner = dy * gain
    dx = inner - z * (inner * z).mean(-1, keepdim=True)
    if centred:
        dx = dx - inner.mean(-1, keepdim=True)
    return (dx * scale + d_stream).to(x.dtype), torch.stack(((dy * z).sum(0), dy.sum(0)))


@norm_back.register_fake
def _(
    d: Tensor, d_stream: Tensor, x: Tensor, gain: Tensor, eps: float, centred: bool
) -> tuple[Tensor, Tensor]:
    exact = torch.promote_types(x.dtype, torch.float32)
    return torch.empty_like(x), x.new_empty(2, x.shape[1], dtype=exact)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.models import norm_kernel

    norm_back.register_kernel("cuda", norm_kernel.norm_back)
