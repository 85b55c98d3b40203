"""Forward and backward of one micro-batch: plain on a CPU, compiled and recorded on a GPU."""

from typing import Protocol

import torch
from torch import Tensor, nn

from brnb.ops import fp8

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
    """Forward and backward by autograd."""

    def __init__(self, model: nn.Module, precision: str, device: torch.device) -> None:
        self.model, self.device = model, device
        self.bf16, self.fp8 = precision in ("bf16", "fp8"), precision == "fp8"
        if self.fp8:
            fp8.use(model)

    def __call__(
        self, x: Tensor, y: Tensor, state: State | None, share: float
    ) -> tuple[Tensor, State]:
        """See `Step`."""
        loss, new = self.forward(x, y, state)
        (loss * share).backward()
        return loss.detach(), detached(new)

    def forward(self, x: Tensor, y: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Mean loss and the next state, with their graph."""
        if self.fp8 and x.numel() % fp8.TOKENS:
            raise ValueError(
                f'precision = "fp8" needs micro-batches of a multiple of {fp8.TOKENS} tokens, not '
                f'{x.numel()}: change batch_size or seq_len, or take "bf16"'
            )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            loss, new = self.model(x, state, y)
        return loss, new


def detached(state: State) -> State:
    """A state that no gradient flows back through."""
    return tuple(part.detach() for part in state)
