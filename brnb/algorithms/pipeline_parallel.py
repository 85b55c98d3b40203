"""Algorithm 14: a pipeline of stages, through which the parts of a batch pass one after the other.

All forward passes, and then all backward passes, as in GPipe (Huang et al., 2019).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from brnb.algorithms.processes import Wire


class StageSlot(NamedTuple):
    """What a stage does in one slot of time: a micro-batch, forward or backward."""

    stage: int
    slot: int
    micro_batch: int
    forward: bool


def gpipe_schedule(stages: int, micro_batches: int) -> list[StageSlot]:
    """Who does what when, if each pass through a stage takes one slot, in order of time."""
    P, M = stages, micro_batches
    half = M + P - 1
    plan = [StageSlot(p, p + m, m, True) for p in range(P) for m in range(M)]
    plan += [
        StageSlot(p, half + (P - 1 - p) + m, M - 1 - m, False) for p in range(P) for m in range(M)
    ]
    return sorted(plan, key=lambda work: (work.slot, work.stage))


def schedule_utilisation(plan: Sequence[StageSlot]) -> float:
    """Share of the slots of all stages in which they work: the rest is the bubble (Eq. B.84)."""
    stages = max(work.stage for work in plan) + 1
    return len(plan) / (stages * (max(work.slot for work in plan) + 1))


def pipeline_step(
    stage: nn.Module,
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    activation: Tensor,
    wire: Wire,
) -> list[StageSlot]:
    """A batch in micro-batches, forward and backward; gradients add up in ``grad``.

    Parameters
    ----------
    stage
        This process's layers.
    inputs, targets
        The micro-batches, of which the first stage reads the inputs and the last the targets.
    loss
        Mean over a micro-batch; gradients are those of the mean over all.
    activation
        A tensor of the shape and type that stages pass on, one micro-batch of it.

    Returns
    -------
    list of Work
        What this stage did, in this order; the slots are the schedule's.
    """
    first, last = wire.rank == 0, wire.rank == wire.size - 1
    entered: dict[int, Tensor] = {}
    left: dict[int, Tensor] = {}
    plan = [work for work in gpipe_schedule(wire.size, len(inputs)) if work.stage == wire.rank]
    for work in plan:
        m = work.micro_batch
        if work.forward:
            x = inputs[m] if first else wire.receive(activation, wire.rank - 1).requires_grad_()
            entered[m], left[m] = x, stage(x)
            if last:
                left[m] = loss(left[m], targets[m]) / len(inputs)
            else:
                wire.send(left[m].detach(), wire.rank + 1).wait()
        else:
            gradient = None if last else wire.receive(activation, wire.rank + 1)
            torch.autograd.backward(left.pop(m), gradient)
            x = entered.pop(m)
            if not first:
                assert x.grad is not None
                wire.send(x.grad, wire.rank - 1).wait()
    return plan
