"""Algorithms 9 and 22: scaling the loss, so that small gradients survive in FP16.

Both halve the factor and skip the update when a gradient overflows. As printed they differ from
each other, and from `torch.amp.GradScaler`, in when the factor grows again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

FIRST = 2.0**16


class Scaler(Protocol):
    """Whatever chooses the factor S of the loss."""

    scale: float

    def update(self, overflow: bool) -> None:
        """Take note of whether the last gradients had overflowed."""


@dataclass
class DynamicScale:
    """Algorithm 9: doubles after more than `interval` good steps in a row, but never beyond 2^16.

    It begins at 2^16: what it may do is fall, and come back. It needs one step more than
    GradScaler, whose factor has no such bound.
    """

    scale: float = FIRST
    interval: int = 2000
    largest: float = FIRST
    good: int = 0

    def update(self, overflow: bool) -> None:
        """Take note of whether the last gradients had overflowed."""
        if overflow:
            self.scale, self.good = self.scale / 2, 0
            return
        self.good += 1
        if self.good > self.interval:
            self.scale, self.good = min(2 * self.scale, self.largest), 0


@dataclass
class AdaptiveScale:
    """Algorithm 22: doubles whenever a good step's number is a multiple of `growth_interval`.

    Also when the step before overflowed: it does not count good steps in a row, as GradScaler does.
    """

    scale: float = FIRST
    growth_factor: float = 2.0
    backoff_factor: float = 0.5
    growth_interval: int = 2000
    step: int = 0

    def update(self, overflow: bool) -> None:
        """Take note of whether the last gradients had overflowed."""
        self.step += 1
        if overflow:
            self.scale *= self.backoff_factor
        elif self.step % self.growth_interval == 0:
            self.scale *= self.growth_factor


def scaled_step(
    loss: Callable[[], Tensor],
    weights: Iterable[nn.Parameter],
    update: Callable[[], object],
    scaler: Scaler,
) -> bool:
    """A step of training with a scaled loss; whether the weights were updated.

    Parameters
    ----------
    loss
        Computes the loss, unscaled.
    weights
        What it is differentiated by.
    update
        Changes the weights by their gradients, which are those of the unscaled loss by then.
    scaler
        Says the factor, and is told how it went.
    """
    weights = list(weights)
    for weight in weights:
        weight.grad = None
    (loss() * scaler.scale).backward()
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    overflow = not all(bool(torch.isfinite(gradient).all()) for gradient in gradients)
    if not overflow:
        for gradient in gradients:
            gradient /= scaler.scale
        update()
    scaler.update(overflow)
    return not overflow
