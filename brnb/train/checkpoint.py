"""Checkpoints that make an interrupted training continue exactly where it was."""

import os
from pathlib import Path
from typing import Any

import torch


class Checkpoint:
    """The last state of one training, in ``<folder>/<identity>.pt``.

    The identity covers all that shapes the training (code, parameters, data). A training whose
    identity changed starts anew, and the old file stays where it is.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"{identity}.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file by a new state: whole, or not at all.

        `state` holds tensors, numbers, strings, lists and dicts only.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        random = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_initialized():
            random["cuda"] = torch.cuda.get_rng_state()
        partial = self.path.with_suffix(".partial")
        with partial.open("wb") as f:
            torch.save(state | {"random": random}, f)
            f.flush()
            os.fsync(f.fileno())
        partial.replace(self.path)

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
