"""Checkpoints that make an interrupted training continue exactly where it was."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from brnb.train import sharding


class Checkpoint:
    """The last state of one training, in ``<folder>/<identity>.pt``, and its best weights beside.

    The identity covers all that shapes the training (code, parameters, data). A training whose
    identity changed starts anew, and the old file stays where it is.

    Saving copies the state and returns; a thread writes the copy while the training goes on. One
    write at a time: the next waits for it, `wait` does, and so does the end of the process.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"{identity}.pt"
        self.best = folder / f"{identity}.best.safetensors"
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by a new state: whole, or not at all.

        `state` holds tensors, numbers, strings, lists and dicts only.
        """
        self._write(self.path, torch.save, state)

    def save_best(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights of the lowest validation loss: whole, or the ones before."""
        self._write(self.best, save_file, dict(weights))

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The saved state; None if there is none."""
        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        return state

    def load_best(self, model: nn.Module) -> None:
        """Give a model the weights that `save_best` kept."""
        self.wait()
        sharding.load(model, load_file(self.best))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.wait()

    def is_written(self) -> bool:
        """Whether what was saved is on disk (or failed: `wait` tells)."""
        return self._writing is None or self._writing.done()

    def wait(self) -> None:
        """Until what was saved is on disk.

        Raises
        ------
        OSError
            If it could not be written; the file before is still there.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, path: Path, write: Callable[[Any, Path], None], state: Any) -> None:
        self.wait()
        copied = torch.cuda.Event() if torch.cuda.is_initialized() else None
        snapshot = _copy(state)
        if copied:
            copied.record()

        def finish() -> None:
            if copied:
                copied.synchronize()
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            write(snapshot, partial)
            with partial.open("rb") as f:  # on disk before its name is
                os.fsync(f.fileno())
            partial.replace(path)

        self._writing = self._writer.submit(finish)


def _copy(value: Any) -> Any:
    """A copy on the CPU of all tensors in lists and dicts; of a GPU's, one under way."""
    if isinstance(value, Tensor):
        pinned = value.is_cuda
        host = torch.empty_like(
            value, device="cpu", pin_memory=pinned, memory_format=torch.contiguous_format
        )
        return host.copy_(value.detach(), non_blocking=pinned)
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list | tuple) else value


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
