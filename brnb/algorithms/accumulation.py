"""Algorithm 16: the gradient of a large batch, from parts of it, in mixed precision."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[nn.Module, Any], Tensor]


def accumulated_gradients(
    model: nn.Module,
    parts: Sequence[Any],
    loss: Loss,
    scale: float = 1.0,
    dtype: torch.dtype | None = None,
) -> list[Tensor]:
    """Mean over equal parts of their gradients (Algorithm 16, Eq. B.94-B.96).

    Parameters
    ----------
    model
        Its parameters in fp32; its ``grad`` fields are left alone.
    parts
        K parts of a batch, of equal size: else their means do not add up to the batch's.
    loss
        Mean loss of the model on one part.
    scale
        Factor S of the loss in the backward pass (Algorithm 9).
    dtype
        Of the forward and backward passes by autocast; fp32 if None.

    Returns
    -------
    list of Tensor
        In fp32, in the order of ``model.parameters()``.
    """
    weights = list(model.parameters())
    totals = [torch.zeros_like(weight, dtype=torch.float32) for weight in weights]
    for part in parts:
        with torch.autocast(weights[0].device.type, dtype, enabled=dtype is not None):
            scaled = loss(model, part) * scale
        for total, gradient in zip(totals, torch.autograd.grad(scaled, weights), strict=True):
            total += gradient.float() / scale
    return [total / len(parts) for total in totals]
