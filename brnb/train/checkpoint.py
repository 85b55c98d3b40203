"""Checkpoints that make an interrupted training continue exactly where it was."""

from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self, cast

import torch
from torch import Tensor, nn

from brnb.train import sealed, sharding


class Checkpoint:
    """The last two states of one training: ``<folder>/<identity>.pt`` and ``….previous.pt``.

    The identity covers all that shapes the training (code, parameters, data). A training whose
    identity changed starts anew, and the old files stay where they are. Each file ends with its
    SHA-256 (`brnb.train.sealed`): a damaged one is never continued, but the one before it, and the
    weights of the lowest loss are part of every state, so that both are of one history.

    Saving copies the state where it is, on the GPU in less than a millisecond, and returns; a
    thread takes the copy to the host and writes it while the training goes on. One state at a
    time: the next waits until this one is on disk, `wait` does, and so does the end of the process.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"{identity}.pt"
        self.previous = folder / f"{identity}.previous.pt"
        self._writer = futures.ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: list[futures.Future[None]] = []
        self._state: futures.Future[dict[str, Any]]  # what was saved last, in the host's memory
        self._best: dict[str, Tensor] | None = None
        self._is_whole = True  # what lies at `path`; else it may not become the previous one

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by a new state: whole, or not at all.

        `state` holds tensors, numbers, strings, lists and dicts only.
        """
        self.wait()
        self._state = self._writer.submit(_to_host, _copy(state), _Moment())
        self._writing.append(self._writer.submit(self._write))

    def keep_best(self) -> None:
        """Keep the weights of the state saved last, its "model", as those of the lowest loss.

        They reach the disk with the next state. A training that dies before it continues from the
        last one, and finds them again.
        """
        self._writing.append(self._writer.submit(self._keep))

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The last whole state; None if there is none. Prints which one was damaged."""
        for path, instead in (
            (self.path, f"continuing from {self.previous.name}, which is older"),
            (self.previous, "starting anew"),
        ):
            if not path.is_file():
                continue
            try:
                with sealed.reading(path) as file:
                    saved = torch.load(file, map_location="cpu", weights_only=True)
            except sealed.DamagedError as error:
                self._is_whole &= path != self.path
                print(f"{error}; {instead if self.previous.is_file() else 'starting anew'}")
                continue
            self._best = saved["best"]
            state: dict[str, Any] = _map(lambda tensor: tensor.to(device), saved["state"])
            return state
        return None

    def load_best(self, model: nn.Module) -> None:
        """Give a model the weights that `keep_best` kept."""
        self.wait()
        assert self._best is not None, "keep_best comes first"
        sharding.load_whole(model, self._best)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()

    def is_written(self) -> bool:
        """Whether what was saved is on disk (or failed: `wait` tells)."""
        return all(writing.done() for writing in self._writing)

    def wait(self) -> None:
        """Wait until what was saved is on disk.

        Raises
        ------
        OSError
            If it could not be written; the file before is still there.
        """
        writing, self._writing = self._writing, []
        for part in futures.wait(writing).done:
            part.result()

    def _write(self) -> None:
        content = {"state": self._state.result(), "best": self._best}
        previous = self.previous if self._is_whole else None
        sealed.write(self.path, lambda file: torch.save(content, cast(IO[bytes], file)), previous)
        self._is_whole = True

    def _keep(self) -> None:
        self._best = self._state.result()["model"]


class _Moment:
    """A point on the GPU's timeline: a CUDA event that another thread can wait for."""

    def __init__(self) -> None:
        self.event = torch.cuda.Event() if torch.cuda.is_initialized() else None
        if self.event:
            self.device = torch.cuda.current_device()  # that of another thread may differ
            self.event.record()

    @contextmanager
    def after(self) -> Iterator[None]:
        """Let what is asked of the GPU in this context wait for that point, and nothing else."""
        if not self.event:
            yield
            return
        with torch.cuda.stream(torch.cuda.Stream(self.device)):
            self.event.wait()
            yield


def _to_host(state: dict[str, Any], moment: _Moment) -> dict[str, Any]:
    with moment.after():
        return _map(Tensor.cpu, state)


def _copy(state: dict[str, Any]) -> dict[str, Any]:
    def copy(tensor: Tensor) -> Tensor:
        try:
            return tensor.detach().clone(memory_format=torch.contiguous_format)
        except torch.OutOfMemoryError:  # the host has room, but the training waits for it
            return tensor.detach().cpu().contiguous()

    return _map(copy, state)


def _map(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Apply a function to every tensor in nested lists and dicts, which are made anew."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {name: _map(function, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_map(function, part) for part in value]
    return value


def random_state() -> dict[str, Tensor]:
    """State of PyTorch's random generators in this process."""
    random = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        random["cuda"] = torch.cuda.get_rng_state()
    return random


def set_random_state(states: Sequence[dict[str, Tensor]], rank: int, seed: int) -> None:
    """Go on with the random numbers of a process, or begin its own if it was not there."""
    if rank >= len(states):
        torch.manual_seed(seed + rank)
        return
    torch.set_rng_state(states[rank]["cpu"].cpu())
    if "cuda" in states[rank] and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[rank]["cuda"].cpu())
