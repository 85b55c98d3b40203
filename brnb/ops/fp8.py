"""Matrix products in 8-bit floating point (Micikevicius et al., 2022), for training.

Inputs and weights are in e4m3 at fixed scales: what a Transformer multiplies was normed or
activated just before, and its weights are small. Gradients are in e5m2, which has the range of
fp16, at a scale that their largest value asks for, seen on a sample of the tokens; inside an MLP
they stay at that scale. So nothing is kept from step to step, and nothing is read twice only to be
measured.

The matrix units read both operands along the sum. The gradient of a weight sums over tokens: what
it multiplies is needed transposed, too, and leaves the kernel that makes it in both forms.

The inner values of an MLP are four times as wide as its input. The product that makes them passes
on their activation and, for the backward pass, its slopes, all in 8 bits: they themselves are never
written.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.ops.activation import activation, activation_backward
from brnb.ops.formats import E4M3, E5M2, GRADIENTS, INPUTS, WEIGHTS

SAMPLED = 64  # one token of so many tells the size of a gradient
WIDEST = 2048  # input of an MLP whose weights a kernel can keep beside it
UNIT = 32  # widths are multiples of this: the kernels' tiles fit


def joined_linear(x: Tensor, maps: Sequence[nn.Linear], in_fp8: bool) -> Tensor:
    """Results of several maps of one input, side by side, as a single product.

    Parameters
    ----------
    x
        Shape (..., width).
    in_fp8
        Whether that product is in 8 bits.
    """
    weight, bias = joined(maps)
    if not in_fp8:
        return F.linear(x, weight, bias)
    y: Tensor = Product.apply(x.flatten(0, -2), weight, bias)
    return y.unflatten(0, x.shape[:-1])


def mlp(x: Tensor, ups: Sequence[nn.Linear], down: nn.Linear, kind: str) -> Tensor:
    """down(f(up(x))) with products in 8 bits; `ups` has the gate before up, if there is one."""
    y: Tensor = FeedForward.apply(x.flatten(0, -2), *joined(ups), down.weight, down.bias, kind)
    return y.unflatten(0, x.shape[:-1])


def joined(maps: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of several maps as those of one."""
    if len(maps) == 1:
        return maps[0].weight, maps[0].bias
    weights: list[Tensor] = [part.weight for part in maps]
    biases: list[Tensor] = [part.bias for part in maps if part.bias is not None]
    return torch.cat(weights), torch.cat(biases) if biases else None


class Product(torch.autograd.Function):
    """``F.linear`` of matrices (M, K) and (N, K), in bf16, and its gradients, all from 8 bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Shape (M, N), bf16."""
        x8, w8 = to_fp8(x, INPUTS, E4M3), to_fp8(weight, WEIGHTS, E4M3)
        ctx.save_for_backward(x8, w8)
        ctx.dtypes = x.dtype, weight.dtype, bias is not None
        return matmul(x8, w8, scalar(1 / (INPUTS * WEIGHTS), x), bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias, in their precision."""
        x8, w8 = ctx.saved_tensors
        x_dtype, w_dtype, has_bias = ctx.dtypes
        scale = gradient_scale(dy[::SAMPLED])
        g8, g8t = with_transpose(dy, scale, E5M2)
        dx = matmul(g8, transposed(w8), 1 / (scale * WEIGHTS))
        dw = matmul_fp32(g8t, transposed(x8), 1 / (scale * INPUTS), torch.float32)
        db = dy.float().sum(0).to(w_dtype) if has_bias else None
        return dx.to(x_dtype), dw.to(w_dtype), db


class FeedForward(torch.autograd.Function):
    """down(f(up(x))) of an MLP, its inner values never in more than 8 bits outside a kernel."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        up: Tensor,
        up_bias: Tensor | None,
        down: Tensor,
        down_bias: Tensor | None,
        kind: str,
    ) -> Tensor:
        """Shape (M, width), bf16."""
        x8, factor = to_fp8(x, INPUTS, E4M3), scalar(1 / (INPUTS * WEIGHTS), x)
        (u8, u8t), (d8, d8t) = (with_transpose(w, scalar(WEIGHTS, x), E4M3) for w in (up, down))
        a8, a8t, slopes = activated(x8, u8, up_bias, factor, kind)
        ctx.save_for_backward(x8, u8t, d8t, a8t, slopes)
        ctx.rest = x.dtype, up.dtype, up_bias is not None, down_bias is not None
        return matmul(a8, d8, factor, down_bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, up and down, in their precision."""
        x8, u8t, d8t, a8t, slopes = ctx.saved_tensors
        x_dtype, w_dtype, up_bias, down_bias = ctx.rest
        scale = gradient_scale(dy[::SAMPLED])
        g8, g8t = with_transpose(dy, scale, E5M2)
        b8, b8t = activated_backward(g8, d8t, slopes, scalar(1 / (INPUTS * WEIGHTS), dy))
        d_down = matmul_fp32(g8t, a8t, 1 / (scale * INPUTS), torch.float32)
        dx = matmul(b8, u8t, 1 / (scale * WEIGHTS))
        d_up = matmul_fp32(b8t, transposed(x8), 1 / (scale * INPUTS), torch.float32)
        d_up_bias = (b8.float().sum(0) / scale).to(w_dtype) if up_bias else None
        d_down_bias = dy.float().sum(0).to(w_dtype) if down_bias else None
        return dx.to(x_dtype), d_up.to(w_dtype), d_up_bias, d_down.to(w_dtype), d_down_bias, None


def up_and_gate(before: Tensor, kind: str) -> tuple[Tensor, ...]:
    """The inner values of an MLP (for SwiGLU those of up, then the gate's, which stand to their
    left), as arguments of `activation`."""
    if kind != "swiglu":
        return (before,)
    gate, up = before.chunk(2, dim=-1)
    return up, gate


def times_slopes(d: Tensor, slopes: Tensor) -> Tensor:
    """Gradient of an MLP's inner values in fp32, from d, the gradient of their activation."""
    return d.float().repeat(1, slopes.shape[1] // d.shape[1]) * slopes.float()


def gradient_scale(sample: Tensor) -> Tensor:
    """The scale of a gradient, from a sample of it."""
    return GRADIENTS / sample.abs().amax().float().clamp(min=1e-30)


def to_fp8(x: Tensor, scale: Tensor | float, dtype: torch.dtype) -> Tensor:
    """x · scale in 8 bits, cut to the largest number that these hold."""
    most = torch.finfo(dtype).max
    return (x.float() * scale).clamp(-most, most).to(dtype)


def matmul(a: Tensor, b: Tensor, factor: Tensor, bias: Tensor | None = None) -> Tensor:
    """factor · a @ b.T + bias in bf16, for 8-bit matrices (M, K) and (N, K).

    Sums of a few thousand terms of one size, in the matrix units' own 14 bits.
    """
    if a.is_cuda:
        bias = None if bias is None else bias.bfloat16()
        return torch._scaled_mm(
            a, b.t(), factor, scalar(1.0, a), bias, out_dtype=torch.bfloat16, use_fast_accum=True
        )
    y = matmul_fp32(a, b, factor, torch.float32)
    return (y if bias is None else y + bias).bfloat16()


@torch.library.custom_op("brnb::matmul_fp32", mutates_args=(), device_types="cpu")
def matmul_fp32(a: Tensor, b: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """factor · a @ b.T, summed in fp32 or in parts of some thousand terms: over many tokens or
    pieces, gradients have few large terms and many small ones, which would vanish beside them."""
    with torch.autocast(a.device.type, enabled=False):
        return (factor * (a.float() @ b.float().t())).to(dtype)


def scalar(value: float, like: Tensor) -> Tensor:
    """A constant as the products want it."""
    return torch.full((), value, dtype=torch.float32, device=like.device)


@torch.library.custom_op("brnb::with_transpose", mutates_args=(), device_types="cpu")
def with_transpose(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x · scale in 8 bits, and the transpose of that, for a matrix (M, K)."""
    small = to_fp8(x.contiguous(), scale, dtype)
    return small, small.t().contiguous()


@torch.library.custom_op("brnb::transposed", mutates_args=(), device_types="cpu")
def transposed(x: Tensor) -> Tensor:
    """The transpose of an 8-bit matrix, as a matrix of its own."""
    return x.t().clone(memory_format=torch.contiguous_format)


@torch.library.custom_op("brnb::activated", mutates_args=(), device_types="cpu")
def activated(
    x8: Tensor, u8: Tensor, bias: Tensor | None, factor: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The activation of an MLP's inner values ``factor · x8 @ u8.T + bias``.

    Returns
    -------
    active, transposed, slopes
        The activation as 8-bit input of a product, (M, hidden), its transpose, and how much it
        grows with every inner value, in 8 bits, too.
    """
    return exact_activated(x8, u8, bias, factor, kind)


@torch.library.custom_op("brnb::activated_backward", mutates_args=(), device_types="cpu")
def activated_backward(
    g8: Tensor, d8t: Tensor, slopes: Tensor, factor: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradient of the inner values in 8 bits, and its transpose, where the gradient of their
    activation is ``factor · g8 @ d8t.T``."""
    return exact_activated_backward(g8, d8t, slopes, factor)


def exact_activated(
    x8: Tensor, u8: Tensor, bias: Tensor | None, factor: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """`activated` in PyTorch, for any device and size."""
    before = matmul_fp32(x8, u8, factor, torch.float32)
    parts = up_and_gate(before if bias is None else before + bias.float(), kind)
    active = to_fp8(activation(kind, *parts), INPUTS, E4M3)
    slopes = activation_backward(kind, torch.ones_like(parts[0]), *parts)
    return active, active.t().contiguous(), to_fp8(slopes, INPUTS, E4M3)


def exact_activated_backward(
    g8: Tensor, d8t: Tensor, slopes: Tensor, factor: Tensor
) -> tuple[Tensor, Tensor]:
    """`activated_backward` in PyTorch, for any device and size."""
    d = matmul_fp32(g8, d8t, factor, torch.float32)
    before8 = to_fp8(times_slopes(d, slopes), 1.0, E5M2)
    return before8, before8.t().contiguous()


@with_transpose.register_fake
def _(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x, dtype=dtype), x.new_empty(x.shape[::-1], dtype=dtype)


@transposed.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[::-1])


@matmul_fp32.register_fake
def _(a: Tensor, b: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    return a.new_empty(len(a), len(b), dtype=dtype)


@activated.register_fake
def _(
    x8: Tensor, u8: Tensor, bias: Tensor | None, factor: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    rows, wide = len(x8), len(u8)
    columns = wide // 2 if kind == "swiglu" else wide
    shapes = (rows, columns), (columns, rows), (rows, wide)
    return tuple(x8.new_empty(shape, dtype=E4M3) for shape in shapes)  # type: ignore[return-value]


@activated_backward.register_fake
def _(g8: Tensor, d8t: Tensor, slopes: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(slopes, dtype=E5M2), slopes.new_empty(slopes.shape[::-1], dtype=E5M2)


def has_mlp_kernel(x: Tensor) -> bool:
    """Whether a kernel makes a product of x, (M, K), with what follows it: for Hopper's units."""
    return x.shape[1] <= WIDEST and torch.cuda.get_device_capability(x.device)[0] == 9


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import split_k, transposing

    with_transpose.register_kernel("cuda", transposing.with_transpose)
    transposed.register_kernel("cuda", transposing.transposed)
    matmul_fp32.register_kernel("cuda", split_k.matmul_fp32)

    @activated.register_kernel("cuda")
    def _(x8: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
        if not has_mlp_kernel(x8):
            return exact_activated(x8, *rest)
        from brnb.ops.kernels import mlp as kernels  # only Triton for Hopper has its language

        return kernels.activated(x8, *rest)

    @activated_backward.register_kernel("cuda")
    def _(g8: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        if not has_mlp_kernel(g8):
            return exact_activated_backward(g8, *rest)
        from brnb.ops.kernels import mlp as kernels

        return kernels.activated_backward(g8, *rest)
