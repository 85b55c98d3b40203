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
SCHEMES = ("ring_sent", "zero_sent", "zero_held", "pipeline_ticks", "pipeline_share")
TRIES = 2  # of a pipeline: the cores may be busy with something else


class Point(NamedTuple):
    """Something measured with some processes.

    Attributes
    ----------
    scheme
        ``ring_sent`` and ``zero_sent``: bytes that a process sends in a step, over those of the
        data; ``zero_held``: bytes of states that it holds for each parameter of the model;
        ``pipeline_ticks`` and ``pipeline_share``: share of the time in which its stages compute,
        by their clocks and in seconds.
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
    """Run them with 2, 4, … processes, up to `processes`; in the order of `SCHEMES`.

    A stage of the pipeline waits instead of computing, so that cores which the processes share
    do not lengthen it. Its clock counts how long stages wait for each other; in seconds come the
    messages, and whatever else the machine does.

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
    passes = {"pipeline_ticks": 1.0, "pipeline_share": stage_seconds}  # how long each takes
    points = [Point(*key, 2 * key[2] * passes[key[0]] / value if key[0] in passes else value)
              for key, value in most.items()]  # fmt: skip
    return sorted(points, key=lambda point: SCHEMES.index(point.scheme))


class Clock(nn.Module):
    """A stage of a pipeline that computes nothing: its passes take a tick of its clock.

    What it passes on, forward and backward, is the time: a pass begins when the message is there
    and the stage is free. So real processes tell how long they wait for each other, however busy
    the machine is (the logical clocks of Lamport, 1978).

    Parameters
    ----------
    seconds
        That a pass takes besides.

    Attributes
    ----------
    now
        Ticks until the end of its last pass.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds, self.now = seconds, 0.0

    def tick(self, came: Tensor) -> Tensor:
        """The time after a pass that begins with a message of this time."""
        time.sleep(self.seconds)
        self.now = max(self.now, float(came)) + 1
        return torch.full_like(came, self.now)

    def forward(self, x: Tensor) -> Tensor:
        apply: Callable[..., Tensor] = _Tick.apply
        return apply(x, self)


class _Tick(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, clock: Clock) -> Tensor:
        ctx.clock = clock
        return clock.tick(x)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        return ctx.clock.tick(d), None


def time_pipeline(clock: Clock, micro_batches: int, wire: Wire) -> tuple[float, float]:
    """Ticks and seconds until this stage has done a step of its pipeline."""
    start = torch.zeros(1)
    inputs = [start.clone().requires_grad_() for _ in range(micro_batches)]
    began = time.perf_counter()
    pipeline_step(clock, inputs, [start] * micro_batches, _no_time, start, wire)
    return clock.now, time.perf_counter() - began


def _no_time(y: Tensor, _: Tensor) -> Tensor:
    """A loss of which the last stage's way back begins: its gradient is a time of 0."""
    return 0 * y.sum()


def _points(micro_batches: Sequence[int], stage_seconds: float) -> list[Point]:
    """What this process measures; of a pipeline ticks and seconds."""
    rank, count, points = dist.get_rank(), 2, list[Point]()
    while count <= dist.get_world_size():
        if rank < count:
            points += [_ring(count), *(p for stage in STAGES for p in _zero(count, stage))]
        for parts in micro_batches:
            tries = []
            for _ in range(TRIES):
                dist.barrier()
                if rank < count:
                    tries.append(time_pipeline(Clock(stage_seconds), parts, Wire(range(count))))
            if tries:
                ticks, seconds = map(min, zip(*tries, strict=True))
                points.append(Point("pipeline_ticks", count, parts, ticks))
                points.append(Point("pipeline_share", count, parts, seconds))
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
