"""One training on several GPUs: who has which rows, and what the processes add up.

``BRNB_PROCESSES=2`` trains every chapter's model on two GPUs. A script that calls `train` may as
well be started by ``torchrun --nproc-per-node 2``. Both give the losses that one process would
have with the same batch; dropout draws other masks.
"""

import os
import pickle
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

BUCKET_BYTES = 25 * 2**20  # of gradients sent at once, as in PyTorch's DDP


class WorkerError(RuntimeError):
    """One of the processes of a training failed."""


@dataclass(frozen=True)
class World:
    """The processes that share a training; one of its own by default."""

    rank: int = 0
    size: int = 1

    def rows(self, batch_size: int) -> slice:
        """This process's rows of a global batch.

        Raises
        ------
        ValueError
            If the batch cannot be split evenly.
        """
        part, rest = divmod(batch_size, self.size)
        if rest:
            raise ValueError(
                f"batch_size = {batch_size} cannot be split over {self.size} processes: "
                f"take a multiple of {self.size}"
            )
        return slice(self.rank * part, (self.rank + 1) * part)

    def windows(self, row: np.ndarray, length: int) -> np.ndarray:
        """This process's part of a row that is read in windows which overlap by one token.

        A window is in one part. With more processes than windows some get one token: no window.
        """
        count = -(-(len(row) - 1) // length)
        part = -(-count // self.size) * length
        first = min(self.rank * part, len(row) - 1)
        return row[first : first + part + 1]

    def total(self, value: Tensor) -> Tensor:
        """The sum of all processes' values; every process has to ask."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank; every process has to ask."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


ALONE = World()


def join(device: torch.device) -> World:
    """Meet the other processes, if torchrun or `launch` started several."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # Flags and states on the CPU go through gloo, so that asking never waits for the GPU.
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return World(dist.get_rank(), size)


def same_weights(model: nn.Module) -> None:
    """Give every process the weights of the first."""
    for tensor in (*model.parameters(), *model.buffers()):
        dist.broadcast(tensor.detach(), 0)


class GradientSum:
    """Adds up the gradients of all processes while the backward pass is still running.

    As `DistributedDataParallel`, but without a wrapper: the model stays itself, and the pass may
    be compiled, or a CUDA graph, of which only the gradients are seen. What no hook has reported
    (a graph calls none) is sent at the end.

    Parameters
    ----------
    parameters
        Of the model.
    wire
        What matrices are sent and added up in. A backward pass in bf16 has rounded their gradients
        to it already: one of both processes' rows would round their sum, too. Vectors stay in
        their own precision.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], wire: torch.dtype = torch.float32
    ) -> None:
        self.parameters, self.wire = list(parameters), wire
        self._open = False
        self._ready: list[Tensor] = []
        self._sent: set[int] = set()
        self._flying: list[tuple[dist.Work, list[Tensor], list[Tensor]]] = []
        collect = weakref.WeakMethod(self._collect)  # a hook's references are never collected

        def report(parameter: nn.Parameter) -> None:
            if call := collect():
                call(parameter)

        for parameter in self.parameters:
            parameter.register_post_accumulate_grad_hook(report)

    @contextmanager
    def overlapping(self) -> Iterator[None]:
        """Around the last backward pass of a step: its gradients are sent as they come."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def finish(self) -> None:
        """Send the rest, wait for all, and put the sums into ``.grad``."""
        for parameter in self.parameters:
            if id(parameter) not in self._sent and parameter.grad is not None:
                self._ready.append(parameter.grad)
        self._send()
        for work, sums, gradients in self._flying:
            work.wait()
            torch._foreach_copy_(gradients, sums)
        self._sent.clear()
        self._flying.clear()

    def _collect(self, parameter: nn.Parameter) -> None:
        if self._open and not (parameter.is_cuda and torch.cuda.is_current_stream_capturing()):
            assert parameter.grad is not None
            self._ready.append(parameter.grad)
            self._sent.add(id(parameter))
            if sum(g.nbytes for g in self._ready) >= BUCKET_BYTES:
                self._send()

    def _send(self) -> None:
        ready, self._ready = self._ready, []
        self._add_up([g for g in ready if g.dim() > 1], self.wire)
        self._add_up([g for g in ready if g.dim() <= 1], torch.float32)

    def _add_up(self, gradients: list[Tensor], wire: torch.dtype) -> None:
        if gradients:
            sizes = [g.numel() for g in gradients]
            flat = gradients[0].new_empty(sum(sizes), dtype=wire)
            parts = [x.view_as(g) for x, g in zip(flat.split(sizes), gradients, strict=True)]
            torch._foreach_copy_(parts, gradients)
            work = dist.all_reduce(flat, async_op=True)
            assert work is not None
            self._flying.append((work, parts, gradients))


def wanted() -> int:
    """How many processes to start: ``BRNB_PROCESSES``, or 1 in one of several already.

    Raises
    ------
    ValueError
        If it is no positive number.
    """
    if "WORLD_SIZE" in os.environ:
        return 1
    text = os.environ.get("BRNB_PROCESSES", "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"BRNB_PROCESSES = {text!r}: set it to a number of GPUs, 1 or more")
    return int(text)


def launch(count: int, device: torch.device, function: Callable[..., Any], *arguments: Any) -> None:
    """Call a function in `count` new processes, one a GPU, and wait for all.

    Raises
    ------
    ValueError
        If there are fewer GPUs.
    WorkerError
        If a process failed; holds its error. The others are ended.
    """
    if device.type == "cuda" and count > (gpus := torch.cuda.device_count()):
        raise ValueError(f"BRNB_PROCESSES = {count}, but this machine shows {gpus} GPUs")
    with tempfile.TemporaryDirectory() as folder:
        # As bytes through a pipe: shared memory is 64 MB in many containers.
        task = pickle.dumps((function, [_by_name(value) for value in arguments]))
        begun = (count, device.type, f"file://{folder}/meeting", task)
        processes = spawn(_work, begun, nprocs=count, join=False)
        try:
            while not processes.join():
                pass
        except ProcessRaisedException as error:
            raise WorkerError(str(error).strip().splitlines()[-1]) from error
        except ProcessExitedException as error:
            raise WorkerError(f"{error}; run again to continue from the checkpoint") from error
        finally:
            for process in processes.processes:
                process.kill()


def _work(rank: int, size: int, device: str, meeting: str, task: bytes) -> None:
    """Be one process of a training: take its rank, its share of the cores and its task."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    torch.set_num_threads(max(1, torch.get_num_threads() // size))
    if device == "cuda":
        torch.cuda.set_device(rank)
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, meeting, world_size=size, rank=rank)
    function, arguments = pickle.loads(task)
    function(*(value.open() if isinstance(value, _Mapped) else value for value in arguments))
    dist.destroy_process_group()


@dataclass(frozen=True)
class _Mapped:
    """A file mapped to memory, by its name: gigabytes need not travel."""

    file: str
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]

    def open(self) -> np.ndarray:
        return np.memmap(self.file, self.dtype, "c", self.offset, self.shape)


def _by_name(value: Any) -> Any:
    # A slice of a map says the offset of the whole: only what maps the file itself is safe.
    if isinstance(value, np.memmap) and isinstance(value.base, mmap):
        return _Mapped(str(value.filename), value.dtype, value.offset, value.shape)
    return value
