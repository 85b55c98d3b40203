"""Cross-entropy of a frozen head, over the tokens that are targets and no others."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from brnb.ops.elementwise import fused_on_gpu
from brnb.theory.memory import FROZEN_LOGITS


@fused_on_gpu
def _nats(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of each row, fp32, and the gradient of the logits in their precision.

    `targets` has shape (M, 1).
    """
    wide = logits.float()
    log_sum = wide.logsumexp(-1, keepdim=True)
    picked = wide.gather(-1, targets)
    places = torch.arange(logits.shape[-1], device=logits.device)
    grad = torch.exp(wide - log_sum) - (places == targets).float()
    return (log_sum - picked)[:, 0], grad.to(logits.dtype)


class _FrozenHead(Function):
    """Losses of rows; their gradient is ready before anybody asks, so no logits are kept."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        rows = max(1, FROZEN_LOGITS // len(weight))
        losses, grads = [], []
        for x, y in zip(hidden.split(rows), targets.split(rows), strict=True):
            loss, d_logits = _nats(x @ weight.t(), y[:, None])
            losses.append(loss)
            if ctx.needs_input_grad[0]:
                grads.append(d_logits @ weight)
        ctx.save_for_backward(torch.cat(grads) if grads else None)
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (d_hidden,) = ctx.saved_tensors
        return d_hidden * grad[:, None].to(d_hidden.dtype), None, None


def target_nats(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of each target.

    The logits of all rows never exist together: a chunk of them gives its losses and the gradient
    of its hidden states, and is gone. Two products a chunk instead of four.

    Parameters
    ----------
    hidden
        What the head reads, shape (M, d): the rows that have a target.
    weight
        Of the frozen head, shape (V, d).
    targets
        Shape (M,).

    Returns
    -------
    Tensor
        Nats, fp32, shape (M,).
    """
    nats: Tensor = _FrozenHead.apply(hidden, weight, targets)
    return nats


def targets_of(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Rows that predict a target, and the targets, both of shape (M,).

    `labels` is aligned with the ids, shape (T,), -100 where there is no target; the row before a
    target predicts it. The first token of a document never is one.
    """
    rows = (labels[1:] >= 0).nonzero()[:, 0]
    return rows, labels[1:][rows]
