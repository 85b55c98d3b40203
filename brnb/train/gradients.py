"""The gradients of a step: in parts that fit into memory, added up over all processes."""

import contextlib
import gc
import sys

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from tqdm import tqdm

from brnb.train.batches import Batch
from brnb.train.device import is_out_of_memory
from brnb.train.history import History
from brnb.train.parallel import GradientSum, World
from brnb.train.recorded import make_step
from brnb.train.step import PlainStep, Step
from brnb.train.swap import FastParts

State = tuple[Tensor, ...]
TRIALS = 3  # after so many steps peak memory is known: AdamW allocates its moments in the second


class Gradients:
    """Loss and gradients of the global batch, whatever fits into memory at once.

    If a step runs out of memory, the micro-batch is halved and the same step begins again with
    clean gradients and the same state: the batch, and but for rounding the result, stay the same.

    Parameters
    ----------
    model
        On its device.
    batch_size
        Sequences of the global batch.
    device
        Of the model and the batches.
    world
        The processes. The first steps of several add up gradients after the backward pass, having
        asked each other whether all had enough memory; later ones during it, and memory that runs
        out then is an error, because the others already wait for this process's gradients. A
        sharded model's processes wait for each other from the first step on.
    history
        Says the precision and the first micro-batch; keeps the last, and how often it was halved.
    fast
        The model's fast parts, if it has some.
    """

    def __init__(
        self,
        model: nn.Module,
        batch_size: int,
        device: torch.device,
        world: World,
        history: History,
        fast: FastParts | None = None,
    ) -> None:
        self.fast = fast
        self.model, self.batch_size, self.device, self.world = model, batch_size, device, world
        self.parameters = list(model.parameters())
        self.history, self.succeeded = history, 0  # steps with this micro-batch
        self.sharded = model if isinstance(model, FSDPModule) else None
        self.step = self._make_step()
        several = world.size > 1 and not self.sharded
        wire = torch.float32 if history.precision == "fp32" else torch.bfloat16
        self.sum = GradientSum(self.parameters, wire) if several else None

    def _make_step(self) -> Step:
        # A CUDA graph would record the weights of one gathering.
        make = PlainStep if self.sharded else make_step
        return make(self.model, self.history.precision, self.device, self.fast)

    def __call__(self, batch: Batch, state: State | None) -> tuple[Tensor, State]:
        """Set ``.grad``; returns this process's part of the mean loss, and the next state.

        Raises
        ------
        MemoryError
            If a single sequence does not fit, or memory runs out late in several processes.
        """
        while True:
            tried = bool(self.sum) and self.succeeded >= TRIALS
            overlap, why = tried or bool(self.sharded), ""
            try:
                result = self._accumulate(batch, state, overlap)
            except RuntimeError as error:  # not kept: it would keep the memory
                if not is_out_of_memory(error):
                    raise
                why = str(error).splitlines()[0]
            if overlap and why:
                fix = "Lower batch_size" if self.sharded else "Run again, to continue and try less"
                raise MemoryError(f"{why} The other processes cannot go back a step. {fix}")
            whys = [why] if overlap else self.world.gather(why)
            if not any(whys):
                if self.sum is not None:
                    self.sum.finish()
                self.succeeded += 1
                return result
            self._halve(max(whys))

    def _accumulate(self, batch: Batch, state: State | None, overlap: bool) -> tuple[Tensor, State]:
        for parameter in self.parameters:
            parameter.grad = None
        size = self.history.micro_batch
        xs, ys = batch.x.split(size), batch.y.split(size)
        befores: list[State | None] = [None] * len(xs)
        if state:
            befores = list(zip(*(part.split(size, dim=1) for part in state), strict=True))
        means, afters = [], []
        for i, (x, y, before) in enumerate(zip(xs, ys, befores, strict=True)):
            part, last = len(x) / self.batch_size, i == len(xs) - 1
            together = self.sum.overlapping() if self.sum and overlap and last else None
            if self.sharded:
                self.sharded.set_requires_gradient_sync(last)
            # FSDP takes the mean over the processes, where the sum is wanted.
            share = part * self.world.size if self.sharded else part
            with together or contextlib.nullcontext():
                before = before and tuple(tensor.contiguous() for tensor in before)
                mean, after = self.step(x, y, before, share)
            means.append(mean * part)
            afters.append(after)
        if len(afters) == 1:
            return means[0], afters[0]
        return torch.stack(means).sum(), tuple(
            torch.cat(parts, dim=1) for parts in zip(*afters, strict=True)
        )

    def _halve(self, why: str) -> None:
        before = self.history.micro_batch
        if before == 1:
            raise MemoryError(
                f"{why} This is one sequence at a time: lower seq_len, the width or the layers, "
                "or take a GPU with more memory"
            )
        self.history.micro_batch, self.succeeded = -(-before // 2), 0
        self.history.out_of_memory += 1
        for parameter in self.parameters:
            parameter.grad = None
        # A new one, because the old may hold what it compiled or captured for the larger size.
        self.step = self._make_step()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        now = self.history.micro_batch
        tqdm.write(
            f"out of memory with {before} sequences at a time: now {now}, with the same batch of "
            f"{self.batch_size} ({why})",
            file=sys.stderr,
        )
