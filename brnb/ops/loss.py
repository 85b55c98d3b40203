"""Cross-entropy of a language model's head, in parts that a GPU's memory hardly notices."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# At a time, 1 GiB in bf16: enough for matrix products of full speed. Parts that stay in an H200's
# cache (16 to 64 MiB, on one stream or two) are read faster, yet took 5 to 30% longer in all.
LOGITS = 2**29


def fused_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    softcap: float | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of the head's logits, ``hidden @ weight.T + bias``.

    On a GPU the logits exist for some thousand tokens at a time, in autocast's precision, and turn
    into their own gradient in place (as in Liger, Hsu et al., 2024): nothing of size (N, V) is
    kept, and no logit is read twice.

    Parameters
    ----------
    hidden
        What the head reads, shape (..., d).
    weight, bias
        Of the head, shapes (V, d) and (V,).
    targets
        What came, shape (...).
    softcap
        Largest size of a logit, c·tanh(logit/c); None for no limit.

    Returns
    -------
    loss
        In nats per token, 0-dim, fp32.
    """
    hidden, targets = hidden.flatten(0, -2), targets.flatten()
    if hidden.is_cuda and torch.is_grad_enabled():
        rows = rows_at_a_time(len(weight))
        loss: Tensor = InParts.apply(hidden, weight, bias, targets, softcap, rows)
        return loss
    logits = F.linear(hidden, weight, bias).float()
    return F.cross_entropy(logits if softcap is None else cap(logits, softcap), targets)


def rows_at_a_time(vocab_size: int) -> int:
    """Tokens whose logits exist together."""
    return max(256, LOGITS // vocab_size // 256 * 256)


def cap(logits: Tensor, softcap: float) -> Tensor:
    """Logits between -softcap and softcap (Gemma 2, 2024)."""
    return softcap * torch.tanh(logits / softcap)


class InParts(torch.autograd.Function):
    """The loss of `rows` tokens at a time; the forward pass already makes the gradients."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        softcap: float | None,
        rows: int,
    ) -> Tensor:
        """Mean loss; see `fused_cross_entropy`."""
        device, dtype = hidden.device.type, hidden.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        exact = torch.promote_types(dtype, torch.float32)
        with torch.autocast(device, enabled=False):
            x, w, b = hidden.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
            dx, dw = torch.empty_like(x), torch.zeros_like(w, dtype=exact)
            db = None if b is None else torch.zeros_like(b, dtype=exact)
            total = torch.zeros((), dtype=exact, device=x.device)
            for start in range(0, len(x), rows):
                part = slice(start, start + rows)
                logits = F.linear(x[part], w, b)
                total += turn_into_gradient(logits, targets[part], softcap)
                torch.mm(logits, w, out=dx[part])
                _add_product(dw, logits.T, x[part])
                if db is not None:
                    db += logits.sum(0, dtype=exact)
        ctx.save_for_backward(dx, dw, db)
        ctx.dtypes = hidden.dtype, weight.dtype, bias is not None and bias.dtype
        return total / len(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of hidden, weight and bias."""
        share = grad / len(ctx.saved_tensors[0])
        parts = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        gradients = [
            None if part is None else multiplied(part, share).to(dtype) for part, dtype in parts
        ]
        return *gradients, None, None, None


@torch.library.custom_op("brnb::turn_into_gradient", mutates_args=("logits",), device_types="cpu")
def turn_into_gradient(logits: Tensor, targets: Tensor, softcap: float | None) -> Tensor:
    """Sum of the rows' losses; the logits (N, V) become its gradient, in place."""
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    z = z if softcap is None else cap(z, softcap)
    normaliser, target = z.logsumexp(-1, keepdim=True), targets[:, None]
    loss = (normaliser - z.gather(-1, target)).sum()
    gradient = (z - normaliser).exp()
    gradient.scatter_add_(-1, target, -torch.ones_like(normaliser))
    logits.copy_(gradient if softcap is None else gradient * (1 - (z / softcap) ** 2))
    return loss


@torch.library.custom_op("brnb::multiplied", mutates_args=(), device_types="cpu")
def multiplied(part: Tensor, share: Tensor) -> Tensor:
    """part · share, in the precision of `part`, for a number that the device alone knows."""
    return (part * share).to(part.dtype)


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """total += a @ b, summed in the total's precision."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    elif a.is_cuda:
        torch.addmm(total, a, b, out_dtype=total.dtype, out=total)
    else:  # CPUs have no product of mixed precision
        total += a.to(total.dtype) @ b.to(total.dtype)


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import loss as kernels

    turn_into_gradient.register_kernel("cuda", kernels.turn_into_gradient)
    multiplied.register_kernel("cuda", kernels.multiplied)
