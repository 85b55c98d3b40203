"""The experts of a mixture (Shazeer et al., 2017): each token through the few MLPs chosen for it.

Three engines compute the same. `loop` takes expert after expert: it shows what is meant. `grouped`
sorts rows by expert and lets PyTorch multiply all groups at once (``grouped_mm``). `fused` sorts
into rows that fit a GPU's tiles, and what stands between its products is part of them: its
definition, exact and for small CPU tensors, is here; `brnb.ops.kernels.experts` does the same.

Shapes: T tokens, d their width, E experts of f inner values each, k experts a token. SwiGLU's gate
stands above its up in ``gate_up`` (E, 2·f, d), as in Transformers; ``down`` is (E, d, f).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.ops.activation import activation, activation_backward
from brnb.ops.sorting import Layout, laid_out, sort_by_expert

UNIT = 64  # widths are multiples of this where kernels compute


def loop(x: Tensor, gate_up: Tensor, down: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """Expert after expert, those that a token chose.

    Parameters
    ----------
    x
        Tokens, shape (T, d).
    gate_up, down
        Weights of all experts.
    chosen
        Which experts each token goes to, shape (T, k).
    weights
        What their results are multiplied by, shape (T, k).

    Returns
    -------
    Tensor
        Shape (T, d).
    """
    y = torch.zeros_like(x, dtype=torch.promote_types(x.dtype, weights.dtype))
    for expert in range(len(down)):
        token, choice = torch.where(chosen == expert)
        gate, up = F.linear(x[token], gate_up[expert]).chunk(2, dim=-1)
        result = F.linear(activation("swiglu", up, gate), down[expert])
        y = y.index_add(0, token, (result * weights[token, choice, None]).to(y.dtype))
    return y.to(x.dtype)


def grouped(x: Tensor, gate_up: Tensor, down: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """`loop`, the rows of all experts sorted and multiplied at once by PyTorch."""
    top_k, experts = chosen.shape[1], torch.arange(len(down), device=x.device)
    of_row, order = chosen.flatten().sort(stable=True)
    ends = torch.searchsorted(of_row, experts, right=True).int()
    rows = x[order // top_k]
    gate, up = F.grouped_mm(rows, gate_up.mT.type_as(x), offs=ends).chunk(2, dim=-1)
    results = F.grouped_mm(activation("swiglu", up, gate), down.mT.type_as(x), offs=ends)
    weighted = results * weights.flatten()[order, None]
    back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=x.device))
    return weighted[back].unflatten(0, (-1, top_k)).sum(1).to(x.dtype)


def fused(x: Tensor, gate_up: Tensor, down: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """`loop` by kernels of our own, on a Hopper GPU in bf16; elsewhere by their definition."""
    layout = sort_by_expert(chosen, len(down))
    keep = torch.is_grad_enabled()
    gate_up, down = gate_up.type_as(x), down.type_as(x)
    y, _ = experts(x, gate_up, down, weights.float().contiguous(), *layout, keep)
    return y


ENGINES = {"loop": loop, "grouped": grouped, "kernels": fused}


def engine_for(x: Tensor, hidden: int) -> str:
    """Name of the fastest engine that computes tokens (T, d) by experts of a width."""
    if not (x.is_cuda and x.dtype == torch.bfloat16):
        return "loop"
    fits = x.shape[1] % UNIT == 0 and hidden % UNIT == 0
    return "kernels" if fits and _is_hopper() else "grouped"


@torch.compiler.assume_constant_result
def _is_hopper() -> bool:
    return torch.cuda.get_device_capability()[0] == 9


@torch.library.custom_op("brnb::experts", mutates_args=(), device_types="cpu")
def experts(
    x: Tensor,
    gate_up: Tensor,
    down: Tensor,
    weights: Tensor,
    source: Tensor,
    row_of: Tensor,
    starts: Tensor,
    tiles: Tensor,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """What `fused` computes, of rows that are laid out (`brnb.ops.sorting.Layout`).

    Returns
    -------
    y, before
        Shape (T, d), and for the backward pass, if it is to be kept, gate and up of every row
        before the activation, (rows, 2·f).
    """
    layout = Layout(source, row_of, starts, tiles)
    before = _products(_rows(x, weights.shape[1], layout), gate_up, layout)
    gate, up = before.chunk(2, dim=-1)
    results = _products(activation("swiglu", up, gate), down, layout)
    chosen = results[row_of.long()].unflatten(0, weights.shape)
    y = (chosen * weights[..., None].to(x.dtype)).sum(1)
    return y, before if keep else x.new_empty(0)


@torch.library.custom_op("brnb::experts_backward", mutates_args=(), device_types="cpu")
def experts_backward(
    d: Tensor,
    x: Tensor,
    gate_up: Tensor,
    down: Tensor,
    weights: Tensor,
    before: Tensor,
    source: Tensor,
    row_of: Tensor,
    starts: Tensor,
    tiles: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, gate_up, down and weights, where that of y is d.

    The result of a row is never needed: the gradient of its weight is the product of its inner
    values and their gradient, too.
    """
    layout, top_k = Layout(source, row_of, starts, tiles), weights.shape[1]
    rows, d_rows = _rows(x, top_k, layout), _rows(d, top_k, layout)
    gate, up = before.chunk(2, dim=-1)
    active = activation("swiglu", up, gate)
    d_active = _products(d_rows, down.mT, layout)
    weight = (weights.flatten()[source.clamp(min=0).long()] * (source >= 0)).to(x.dtype)
    d_before = activation_backward("swiglu", d_active * weight[:, None], up, gate)
    d_weights = (d_active * active).sum(1)[row_of.long()].view_as(weights)
    d_gate_up = _sums(d_before, rows, layout)
    d_down = _sums(d_rows, active * weight[:, None], layout)
    d_rows = _products(d_before, gate_up.mT, layout)
    dx = d_rows[row_of.long()].unflatten(0, weights.shape).sum(1)
    return dx, d_gate_up, d_down, d_weights.to(weights.dtype)


def _rows(x: Tensor, top_k: int, layout: Layout) -> Tensor:
    """Tokens in the order of their experts, zeros where no token is."""
    source = layout.source.long()
    return x[source.clamp(min=0) // top_k] * (source >= 0)[:, None]


def _products(rows: Tensor, weights: Tensor, layout: Layout) -> Tensor:
    """Rows (rows, d) times the transposed weights (E, n, d) of their expert: (rows, n)."""
    results = rows.new_zeros(len(rows), weights.shape[1])
    for weight, part in zip(weights, layout.parts(), strict=True):
        results[part] = rows[part] @ weight.T
    return results


def _sums(left: Tensor, right: Tensor, layout: Layout) -> Tensor:
    """Gradient of the experts' weights: left^T right over the rows of each, (E, n, d)."""
    return torch.stack([left[part].T @ right[part] for part in layout.parts()])


@experts.register_fake
def _(x: Tensor, gate_up: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    source, keep = rest[2], rest[-1]
    shape = (len(source), gate_up.shape[1]) if keep else (0,)
    return torch.empty_like(x), x.new_empty(shape)


@experts_backward.register_fake
def _(
    d: Tensor, x: Tensor, gate_up: Tensor, down: Tensor, weights: Tensor, *rest: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    like = torch.empty_like
    return like(x), like(gate_up), like(down), like(weights)


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    x, gate_up, down, weights, *layout, _ = inputs
    ctx.save_for_backward(x, gate_up, down, weights, output[1], *layout)


def _gradients(ctx: Any, d: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    gradients = experts_backward(d.contiguous(), *ctx.saved_tensors)
    return *gradients, None, None, None, None, None


experts.register_autograd(_gradients, setup_context=_keep)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import experts as kernels
    from brnb.ops.kernels import sorting as sorting_kernels

    laid_out.register_kernel("cuda", sorting_kernels.laid_out)
    experts.register_kernel("cuda", kernels.experts)
    experts_backward.register_kernel("cuda", kernels.experts_backward)
