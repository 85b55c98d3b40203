"""Matrix products in 8-bit floating point (Micikevicius et al., 2022), for training.

Inputs and weights are in e4m3 at fixed scales: what a Transformer multiplies was normed or
activated just before, and its weights are small. Gradients are in e5m2, which has the range of
fp16, at a scale that their largest value asks for, seen on a sample of the tokens. So nothing is
kept from step to step, and nothing is read twice only to be measured.

The matrix units read both operands along the sum. The gradient of a weight sums over tokens: what
it multiplies is needed turned, too, and leaves the kernel that makes it both ways.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.models.activation import activation, activation_back

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
INPUTS = 4.0  # up to 112; no value of a normed vector is above sqrt(width)
WEIGHTS = 64.0  # up to 7, and 2^-9 of where weights start
GRADIENTS = 2.0**10  # for the largest of the sample: 56 times larger ones still fit
SAMPLED = 64  # every such token is looked at
UNIT, TOKENS = 32, 128  # widths and micro-batches are multiples of these: kernels' tiles fit


def use(model: nn.Module) -> None:
    """Have a model's products in training computed in 8 bits, where it can.

    Raises
    ------
    ValueError
        If it cannot, or its sizes do not fit the kernels.
    """
    c = getattr(model, "choices", None)
    if c is None:
        raise ValueError(
            f'precision = "fp8" is for Transformers, not for a {type(model).__name__}: '
            'take "bf16" or "auto"'
        )
    sizes = {name: getattr(c, name) for name in ("vocab_size", "width", "hidden")}
    for name, size in (sizes | {"kv_heads * head_dim": c.kv_heads * c.head_dim}).items():
        if size % UNIT:
            raise ValueError(
                f'precision = "fp8" needs multiples of {UNIT}, and {name} = {size}: '
                'change it, or take "bf16"'
            )
    parts: list[Any] = [module for module in model.modules() if hasattr(module, "in_fp8")]
    for module in parts:
        module.in_fp8 = True


def together(x: Tensor, maps: Sequence[nn.Linear], in_fp8: bool) -> Tensor:
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
        x8, w8 = rounded(x, INPUTS, E4M3), rounded(weight, WEIGHTS, E4M3)
        ctx.save_for_backward(x8, w8)
        ctx.dtypes = x.dtype, weight.dtype, bias is not None
        return times(x8, w8, number(1 / (INPUTS * WEIGHTS), x), bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias, in their precision."""
        x8, w8 = ctx.saved_tensors
        x_dtype, w_dtype, has_bias = ctx.dtypes
        scale = fitting(dy[::SAMPLED])
        g8, g8t = both_ways(dy, scale, E5M2)
        dx = times_back(g8, turned(w8), 1 / (scale * WEIGHTS), torch.bfloat16)
        dw = times_back(g8t, turned(x8), 1 / (scale * INPUTS), torch.float32)
        db = dy.float().sum(0).to(w_dtype) if has_bias else None
        return dx.to(x_dtype), dw.to(w_dtype), db


class FeedForward(torch.autograd.Function):
    """down(f(up(x))) of an MLP, its inner values kept in bf16."""

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
        x8, u8, d8 = rounded(x, INPUTS, E4M3), *(rounded(w, WEIGHTS, E4M3) for w in (up, down))
        factor = number(1 / (INPUTS * WEIGHTS), x)
        before = times(x8, u8, factor, up_bias)
        ctx.save_for_backward(x8, u8, d8, before)
        ctx.rest = x.dtype, up.dtype, up_bias is not None, down_bias is not None, kind
        return times(activated(before, kind), d8, factor, down_bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, up and down, in their precision."""
        x8, u8, d8, before = ctx.saved_tensors
        x_dtype, w_dtype, up_bias, down_bias, kind = ctx.rest
        scale = fitting(dy[::SAMPLED])
        g8, g8t = both_ways(dy, scale, E5M2)
        da = times_back(g8, turned(d8), 1 / (scale * WEIGHTS), torch.bfloat16)
        few = slice(None, None, SAMPLED)
        inner = fitting(activation_back(kind, da[few].float(), *halves(before[few].float(), kind)))
        b8, b8t, a8t = activated_back(da, before, inner, kind)
        d_down = times_back(g8t, a8t, 1 / (scale * INPUTS), torch.float32)
        dx = times_back(b8, turned(u8), 1 / (inner * WEIGHTS), torch.bfloat16)
        d_up = times_back(b8t, turned(x8), 1 / (inner * INPUTS), torch.float32)
        d_up_bias = (b8.float().sum(0) / inner).to(w_dtype) if up_bias else None
        d_down_bias = dy.float().sum(0).to(w_dtype) if down_bias else None
        return dx.to(x_dtype), d_up.to(w_dtype), d_up_bias, d_down.to(w_dtype), d_down_bias, None


def halves(before: Tensor, kind: str) -> tuple[Tensor, ...]:
    """Inner values, and the gate that stands to their left."""
    if kind != "swiglu":
        return (before,)
    gate, up = before.chunk(2, dim=-1)
    return up, gate


def fitting(sample: Tensor) -> Tensor:
    """The scale of a gradient, from a sample of it."""
    return GRADIENTS / sample.abs().amax().float().clamp(min=1e-30)


def rounded(x: Tensor, scale: Tensor | float, dtype: torch.dtype) -> Tensor:
    """x · scale in 8 bits, cut to the largest number that these hold."""
    most = torch.finfo(dtype).max
    return (x.float() * scale).clamp(-most, most).to(dtype)


def times(a: Tensor, b: Tensor, factor: Tensor, bias: Tensor | None = None) -> Tensor:
    """factor · a @ b.T + bias in bf16, for 8-bit matrices (M, K) and (N, K).

    Sums of a few thousand terms of one size, in the matrix units' own 14 bits.
    """
    if a.is_cuda:
        bias = None if bias is None else bias.bfloat16()
        return torch._scaled_mm(
            a, b.t(), factor, number(1.0, a), bias, out_dtype=torch.bfloat16, use_fast_accum=True
        )
    y = times_back(a, b, factor, torch.float32)
    return (y if bias is None else y + bias).bfloat16()


def times_back(a: Tensor, b: Tensor, factor: Tensor, dtype: torch.dtype) -> Tensor:
    """factor · a @ b.T, summed in fp32: a gradient has few large terms and many small ones, which
    would vanish beside them."""
    if a.is_cuda:
        return torch._scaled_mm(a, b.t(), factor, number(1.0, a), out_dtype=dtype)
    with torch.autocast(a.device.type, enabled=False):
        return (factor * (a.float() @ b.float().t())).to(dtype)


def number(value: float, like: Tensor) -> Tensor:
    """A constant as the products want it."""
    return torch.full((), value, dtype=torch.float32, device=like.device)


@torch.library.custom_op("brnb::both_ways", mutates_args=(), device_types="cpu")
def both_ways(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x · scale in 8 bits, and the transpose of that, for a matrix (M, K)."""
    small = rounded(x, scale, dtype)
    return small, small.t().contiguous()


@torch.library.custom_op("brnb::turned", mutates_args=(), device_types="cpu")
def turned(x: Tensor) -> Tensor:
    """The transpose of an 8-bit matrix, as a matrix of its own."""
    return x.t().contiguous()


@torch.library.custom_op("brnb::activated", mutates_args=(), device_types="cpu")
def activated(before: Tensor, kind: str) -> Tensor:
    """The activation of an MLP's inner values (M, ·), as 8-bit input of a product."""
    return rounded(activation(kind, *halves(before.float(), kind)), INPUTS, E4M3)


@torch.library.custom_op("brnb::activated_back", mutates_args=(), device_types="cpu")
def activated_back(
    d: Tensor, before: Tensor, scale: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of `before` times `scale` in 8 bits, both ways, and `activated` turned."""
    gradient = activation_back(kind, d.float(), *halves(before.float(), kind))
    small = rounded(gradient, scale, E5M2)
    return small, small.t().contiguous(), activated(before, kind).t().contiguous()


@both_ways.register_fake
def _(x: Tensor, scale: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x, dtype=dtype), x.new_empty(x.shape[::-1], dtype=dtype)


@turned.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[::-1])


@activated.register_fake
def _(before: Tensor, kind: str) -> Tensor:
    width = before.shape[1] // (2 if kind == "swiglu" else 1)
    return before.new_empty((before.shape[0], width), dtype=E4M3)


@activated_back.register_fake
def _(d: Tensor, before: Tensor, scale: Tensor, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    turned_before = before.new_empty(before.shape[::-1], dtype=E5M2)
    return (
        before.new_empty(before.shape, dtype=E5M2),
        turned_before,
        d.new_empty(d.shape[::-1], dtype=E4M3),
    )


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.models import fp8_kernel as kernel

    both_ways.register_kernel("cuda", kernel.both_ways)
    turned.register_kernel("cuda", kernel.turned)
    activated.register_kernel("cuda", kernel.activated)
    activated_back.register_kernel("cuda", kernel.activated_back)
