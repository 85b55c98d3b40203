"""Batches of a row of tokens; each is a function of its step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One step's input and target ids, each of shape (B, T); `fresh` begins a new pass."""

    x: Tensor
    y: Tensor
    fresh: bool


class Streams:
    """Batches for models with a state: B places of the corpus, read on in parallel.

    Row b of step s continues row b of step s - 1, so that the hidden state carries over. Every
    pass starts at another place, drawn from the seed. A batch is a function of its step alone:
    to resume, only the step has to be known.

    Parameters
    ----------
    row
        Token ids, shape (N,).
    batch_size, seq_len
        B and T.
    seed
        Seed of the passes' starting places.
    device
        Where batches go; the whole row goes there too if it takes less than a quarter of the
        free memory, which saves a copy a step.

    Raises
    ------
    ValueError
        If the corpus is too short for one step.
    """

    def __init__(
        self, row: np.ndarray, batch_size: int, seq_len: int, seed: int, device: torch.device
    ) -> None:
        self.length = (len(row) - 1) // batch_size
        self.windows = (self.length - 1) // seq_len
        if self.windows < 1:
            raise ValueError(
                f"{len(row)} tokens cannot fill one step of batch_size {batch_size} × seq_len "
                f"{seq_len}: use more documents or a smaller batch_size"
            )
        self.seq_len, self.seed, self.device = seq_len, seed, device
        home = device if _fits(row, device) else torch.device("cpu")
        # CUDA cannot index unsigned integers: the same bits, read as signed, and masked later.
        signed = row.view({2: np.int16, 4: np.int32}[row.itemsize])
        self.mask = 2 ** (8 * row.itemsize) - 1
        self.row = torch.from_numpy(signed).to(home)
        self.starts = torch.arange(batch_size, device=home)[:, None] * self.length
        self.offsets = torch.arange(seq_len + 1, device=home)[None, :]

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        pass_, window = divmod(step, self.windows)
        slack = self.length - self.windows * self.seq_len
        shift = int(np.random.default_rng([self.seed, pass_]).integers(slack))
        index = self.starts + (shift + window * self.seq_len) + self.offsets
        ids = self.row[index].to(self.device, torch.long, non_blocking=True) & self.mask
        return Batch(ids[:, :-1], ids[:, 1:], fresh=window == 0)


def _fits(row: np.ndarray, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return row.nbytes < free / 4
