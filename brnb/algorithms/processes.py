"""Real processes that pass each other messages, and count the bytes."""

import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import start_processes


class Wire:
    """This process among some that talk to each other.

    Parameters
    ----------
    members
        Ranks of the processes; all of them if None.

    Attributes
    ----------
    rank, size
        Place of this process among the members, and their number.
    sent, messages
        Bytes, and number of messages, that this process has sent.
    """

    def __init__(self, members: Sequence[int] | None = None) -> None:
        self.members = list(range(dist.get_world_size()) if members is None else members)
        self.rank, self.size = self.members.index(dist.get_rank()), len(self.members)
        self.sent = self.messages = 0

    def send(self, x: Tensor, to: int) -> "dist.Work":
        """Begin to send; `to` counts around the ring of members."""
        self.sent += x.numel() * x.element_size()
        self.messages += 1
        work = dist.isend(x.contiguous(), self.members[to % self.size])
        assert work is not None
        return work

    def receive(self, like: Tensor, source: int) -> Tensor:
        """A tensor of this shape and type."""
        x = torch.empty_like(like, memory_format=torch.contiguous_format)
        dist.recv(x, self.members[source % self.size])
        return x

    def pass_on(self, x: Tensor) -> Tensor:
        """Send to the next in the ring, and return what the one before sent."""
        sending = self.send(x, self.rank + 1)
        came = self.receive(x, self.rank - 1)
        sending.wait()
        return came


def run(work: Callable[..., Any], count: int, *arguments: Any) -> list[Any]:
    """What `work(*arguments)` returns in each of `count` new processes, by rank.

    Parameters
    ----------
    work
        A function that a new process can import; it may use `Wire` and `torch.distributed` (gloo).
    arguments
        Must be picklable.

    Raises
    ------
    torch.multiprocessing.ProcessRaisedException
        If one of them fails; the message holds its traceback.
    """
    # They are copies of a process that has imported PyTorch, which takes each of them seconds.
    multiprocessing.set_forkserver_preload([__name__])
    with tempfile.TemporaryDirectory() as folder:
        told = (count, folder, work, arguments)
        start_processes(_process, told, count, start_method="forkserver")
        return [torch.load(Path(folder) / f"{i}.pt", weights_only=False) for i in range(count)]


def _process(
    rank: int, count: int, folder: str, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=count
    )
    try:
        torch.save(work(*arguments), Path(folder) / f"{rank}.pt")
    finally:
        dist.destroy_process_group()
