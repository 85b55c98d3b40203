"""Forward and backward of one micro-batch: plain on a CPU, compiled and recorded on a GPU."""

from typing import Protocol

import torch
from torch import Tensor, nn

from brnb.ops.formats import TOKENS
from brnb.train.swap import FastParts, swapped

State = tuple[Tensor, ...]


class Step(Protocol):
    """The loss of a micro-batch, its gradients added to the parameters' ``.grad``."""

    def __call__(
        self, x: Tensor, y: Tensor, state: State | None, share: float
    ) -> tuple[Tensor, State]:
        """Forward and backward.

        Parameters
        ----------
        x, y
            Input and target ids, shape (B, T).
        state
            State of the recurrence after the window before; None at a fresh start.
        share
            Weight of the gradients: the share of the micro-batch in the step's tokens.

        Returns
        -------
        loss, state
            Mean cross-entropy in nats per token, 0-dim, on the device; the state after the last
            token. Both are detached.
        """


class PlainStep:
    """Forward and backward by autograd.

    Parameters
    ----------
    model
        On its device.
    precision
        ``"fp32"``, ``"bf16"`` (autocast) or ``"fp8"``: bf16 with products in 8 bits.
    fast
        The parts that stand in for the model's own, on a GPU or for 8 bits.

    Raises
    ------
    ValueError
        If the model has no products in 8 bits, or not of its sizes.
    """

    def __init__(
        self,
        model: nn.Module,
        precision: str,
        device: torch.device,
        fast: FastParts | None = None,
    ) -> None:
        self.model, self.device = model, device
        self.bf16, self.fp8 = precision in ("bf16", "fp8"), precision == "fp8"
        if self.fp8 and fast is None:
            raise ValueError(
                f'precision = "fp8" is for models whose fast parts train() is given, and this '
                f'{type(model).__name__} has none: take "bf16" or "auto"'
            )
        # A CPU has nothing to gain, and keeps the results of the model's own code to the bit.
        self.swaps = fast(model, precision) if fast and (self.fp8 or device.type == "cuda") else []

    def __call__(
        self, x: Tensor, y: Tensor, state: State | None, share: float
    ) -> tuple[Tensor, State]:
        """See `Step`."""
        with swapped(self.swaps):
            loss, new = self.forward(x, y, state)
            objective = self.objective(loss)
        (objective * share).backward()
        return loss.detach(), detached(new)

    def forward(self, x: Tensor, y: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Mean loss and the next state, with their graph."""
        if self.fp8 and x.numel() % TOKENS:
            raise ValueError(
                f'precision = "fp8" needs micro-batches of a multiple of {TOKENS} tokens, not '
                f'{x.numel()}: change batch_size or seq_len, or take "bf16"'
            )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss, new = self.model(x, state, y)
        return loss, new

    def objective(self, loss: Tensor) -> Tensor:
        """What a step minimises: the loss, and what the model's last pass adds to it (a mixture of
        experts wants them evenly busy)."""
        auxiliary = getattr(self.model, "auxiliary_loss", None)
        more = auxiliary() if auxiliary else None
        return loss if more is None else loss + more


def detached(state: State) -> State:
    """A state that no gradient flows back through."""
    return tuple(part.detach() for part in state)
