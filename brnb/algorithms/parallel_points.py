"""Parallel training on real processes, small: what they send, hold and wait for.

The points beside the curves of the bubble (Eq. B.84), the ring (Eqs. B.97, B.98) and ZeRO
(Eqs. B.87-B.93): Algorithms 14, 15 and 17 as they run, in one start of processes.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.algorithms.collectives import ring_all_reduce
from brnb.algorithms.pipeline_parallel import pipeline_step
from brnb.algorithms.processes import Wire, run
from brnb.algorithms.zero import Zero

NUMBERS = 2**16  # of the tensor that a ring sums up
WIDTH, LAYERS = 31, 4  # of the model; 31 inputs and a bias have as many weights as 31 × 32
STAGES = (1, 2, 3)  # of ZeRO
TRIES = 2  # of a pipeline: the cores may be busy with something else


class Point(NamedTuple):
    """Something measured with some processes.

    Attributes
    ----------
    scheme
        ``ring_sent`` and ``zero_sent``: bytes that a process sends in a step, over those of the
        data; ``zero_held``: bytes of states that it holds for each parameter of the model;
        ``pipeline_share``: share of the time in which its stages compute.
    variant
        The stage of ZeRO, the micro-batches of a pipeline; 0 of a ring.
    """

    scheme: str
    processes: int
    variant: int
    value: float


def measured_points(
    processes: int, micro_batches: Sequence[int], stage_seconds: float
) -> list[Point]:
    """Run them with 2, 4, … processes, up to `processes`.

    A stage of the pipeline waits instead of computing, so that cores which the processes share
    do not lengthen it; what lengthens it is that stages wait for each other, and the messages.

    Parameters
    ----------
    processes
        A power of two.
    micro_batches
        Of a batch, several in turn.
    stage_seconds
        That each pass of a micro-batch through a stage takes.

    Raises
    ------
    ValueError
        If `processes` is not a power of two from 2 on.
    """
    if processes < 2 or processes & (processes - 1):
        raise ValueError(f"processes = {processes}: choose a power of two, 2 or more")
    made: list[list[Point]] = run(_points, processes, list(micro_batches), stage_seconds)
    most: dict[tuple[str, int, int], float] = {}
    for point in [point for one in made for point in one]:
        most[point[:3]] = max(most.get(point[:3], 0.0), point.value)
    passes = {key: 2 * key[2] * stage_seconds for key in most if key[0] == "pipeline_share"}
    return [Point(*key, passes[key] / value if key in passes else value)
            for key, value in most.items()]  # fmt: skip


def _points(micro_batches: Sequence[int], stage_seconds: float) -> list[Point]:
    """What this process measures; of a pipeline the seconds."""
    rank, count, points = dist.get_rank(), 2, list[Point]()
    while count <= dist.get_world_size():
        if rank < count:
            points += [_ring(count), *(p for stage in STAGES for p in _zero(count, stage))]
        for parts in micro_batches:
            seconds = []
            for _ in range(TRIES):
                dist.barrier()
                seconds += [_pipeline_seconds(count, parts, stage_seconds)] if rank < count else []
            points += [Point("pipeline_share", count, parts, min(seconds))] if seconds else []
        count *= 2
    return points


def _ring(count: int) -> Point:
    wire, data = Wire(range(count)), torch.ones(NUMBERS)
    assert ring_all_reduce(data, wire).eq(count).all()
    return Point("ring_sent", count, 0, wire.sent / data.nbytes)


def _zero(count: int, stage: int) -> list[Point]:
    torch.manual_seed(0)
    wire, layers = Wire(range(count)), [nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)]
    parameters = sum(weight.numel() for layer in layers for weight in layer.parameters())
    model = Zero(layers, F.mse_loss, 1e-3, stage, wire)
    model.step(torch.randn(2, WIDTH), torch.randn(2, WIDTH))
    return [
        Point("zero_sent", count, stage, wire.sent / (4 * parameters)),
        Point("zero_held", count, stage, model.held_bytes() / parameters),
    ]


def _pipeline_seconds(count: int, parts: int, stage_seconds: float) -> float:
    wire, x = Wire(range(count)), torch.zeros(1, 1)
    inputs = [x.clone().requires_grad_() for _ in range(parts)]
    start = time.perf_counter()
    pipeline_step(_Waiting(stage_seconds), inputs, [x] * parts, _mean, x, wire)
    return time.perf_counter() - start


def _mean(y: Tensor, target: Tensor) -> Tensor:
    return (y - target).mean()


class _Waiting(nn.Module):
    """A stage that takes so long, forward and backward, and changes nothing."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        apply: Callable[..., Tensor] = _Wait.apply
        return apply(x, self.seconds)


class _Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, seconds: float) -> Tensor:
        ctx.seconds = seconds
        time.sleep(seconds)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        time.sleep(ctx.seconds)
        return d, None
