"""Checkpoints that make an interrupted training continue exactly where it was."""

import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn


class Checkpoint:
    """The last state of one training, in ``<folder>/<identity>.pt``, and its best weights beside.

    The identity covers all that shapes the training (code, parameters, data). A training whose
    identity changed starts anew, and the old file stays where it is.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"{identity}.pt"
        self.best = folder / f"{identity}.best.safetensors"

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by a new state: whole, or not at all.

        `state` holds tensors, numbers, strings, lists and dicts only.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        random = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_initialized():
            random["cuda"] = torch.cuda.get_rng_state()
        partial = self.path.with_suffix(".partial")
        torch.save(state | {"random": random}, partial)
        _replace(self.path, partial)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """The saved state, with the random generators set back to it; None if there is none."""
        if not self.path.is_file():
            return None
        state: dict[str, Any] = torch.load(self.path, map_location=device, weights_only=True)
        random = state.pop("random")
        torch.set_rng_state(random["cpu"].cpu())
        if "cuda" in random:
            torch.cuda.set_rng_state(random["cuda"].cpu())
        return state

    def save_best(self, model: nn.Module) -> None:
        """Keep the weights of the lowest validation loss: whole, or the ones before."""
        partial = self.best.with_suffix(".partial")
        state = {name: part.cpu().contiguous() for name, part in model.state_dict().items()}
        save_file(state, partial)
        _replace(self.best, partial)

    def load_best(self, model: nn.Module) -> None:
        """Give a model the weights that `save_best` kept."""
        model.load_state_dict(load_file(self.best))


def _replace(path: Path, partial: Path) -> None:
    """Put a finished file in its place, on disk before its name is."""
    with partial.open("rb") as f:
        os.fsync(f.fileno())
    partial.replace(path)
