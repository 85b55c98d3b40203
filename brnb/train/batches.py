"""Batches of a row of tokens; each is a function of its step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """One step's input and target ids, each of shape (B, T).

    `fresh` says that a recurrent state must not be carried into it.
    """

    x: Tensor
    y: Tensor
    fresh: bool


class CorpusIds:
    """A corpus as ids that a batch can be cut from.

    Parameters
    ----------
    ids
        Token ids, shape (N,), uint16 or uint32.
    seq_len
        T.
    device
        Where batches go; the whole row goes there too if it takes less than a quarter of the
        free memory, which saves a copy a step.
    """

    def __init__(self, ids: np.ndarray, seq_len: int, device: torch.device) -> None:
        self.device, self.home = device, device if _fits(ids, device) else torch.device("cpu")
        # CUDA cannot index unsigned integers: the same bits, read as signed, and masked later.
        signed = ids.view({2: np.int16, 4: np.int32}[ids.itemsize])
        self.mask = 2 ** (8 * ids.itemsize) - 1
        self.ids = torch.from_numpy(signed).to(self.home)
        self.offsets = torch.arange(seq_len + 1, device=self.home)[None, :]

    def batch(self, starts: Tensor, fresh: bool) -> Batch:
        """The windows that begin at `starts`, shape (B, 1), and the same one token later."""
        ids = self.ids[starts + self.offsets].to(self.device, torch.long, non_blocking=True)
        ids &= self.mask
        return Batch(ids[:, :-1], ids[:, 1:], fresh)


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
    rows
        The rows of each batch that this process computes; all of them by default.

    Raises
    ------
    ValueError
        If the corpus is too short for one step.
    """

    def __init__(
        self,
        row: np.ndarray,
        batch_size: int,
        seq_len: int,
        seed: int,
        device: torch.device,
        rows: slice = slice(None),
    ) -> None:
        self.length = (len(row) - 1) // batch_size
        self.windows = (self.length - 1) // seq_len
        if self.windows < 1:
            raise ValueError(
                f"{len(row)} tokens cannot fill one step of batch_size {batch_size} × seq_len "
                f"{seq_len}: use more documents or a smaller batch_size"
            )
        self.seq_len, self.seed = seq_len, seed
        self.row = CorpusIds(row, seq_len, device)
        self.starts = torch.arange(batch_size, device=self.row.home)[rows, None] * self.length
        self.shifts: dict[int, int] = {}  # of the pass in the last batch

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        pass_, window = divmod(step, self.windows)
        if pass_ not in self.shifts:
            self.shifts = {pass_: self._shift(pass_)}
        number = self.shifts[pass_] + window * self.seq_len
        return self.row.batch(self.starts + number, fresh=window == 0)

    def _shift(self, pass_: int) -> int:
        """Offset of the first token of a pass."""
        slack = self.length - self.windows * self.seq_len
        return int(np.random.default_rng([self.seed, pass_]).integers(slack))


class Windows:
    """Batches for models without a state: all windows of the corpus, in random order.

    Every pass cuts the corpus at another offset and reads each of its windows once, in an order
    of its own; a batch may hold the last windows of one pass and the first of the next. A batch
    is a function of its step alone: to resume, only the step has to be known. The order of a pass
    takes 8 bytes a window: 16 MB for 10^9 tokens in windows of 512.

    Parameters
    ----------
    row, batch_size, seq_len, device, rows
        As for `Streams`.
    seed
        Seed of the passes' offsets and orders.

    Raises
    ------
    ValueError
        If the corpus is too short for one window at every offset.
    """

    def __init__(
        self,
        row: np.ndarray,
        batch_size: int,
        seq_len: int,
        seed: int,
        device: torch.device,
        rows: slice = slice(None),
    ) -> None:
        self.windows = (len(row) - seq_len) // seq_len
        if self.windows < 1:
            raise ValueError(
                f"{len(row)} tokens are less than two windows of seq_len {seq_len}: "
                "use more documents or a smaller seq_len"
            )
        self.batch_size, self.seq_len, self.seed, self.rows = batch_size, seq_len, seed, rows
        self.row = CorpusIds(row, seq_len, device)
        self.orders: dict[int, np.ndarray] = {}  # of the passes in the last batch

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        number = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        passes = range(number[0] // self.windows, number[-1] // self.windows + 1)
        self.orders = {p: self.orders[p] if p in self.orders else self._starts(p) for p in passes}
        starts = [
            self.orders[p][number[number // self.windows == p] % self.windows] for p in passes
        ]
        begins = torch.from_numpy(np.concatenate(starts)[self.rows, None])
        if self.row.home.type == "cuda":  # a copy from other memory would wait for the GPU
            begins = begins.pin_memory().to(self.row.home, non_blocking=True)
        return self.row.batch(begins, fresh=True)

    def _starts(self, pass_: int) -> np.ndarray:
        """Offsets at which the windows of a pass begin, in the order in which they are read."""
        random = np.random.default_rng([self.seed, pass_])
        shift = random.integers(self.seq_len)
        return shift + random.permutation(self.windows) * self.seq_len


def _fits(row: np.ndarray, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return row.nbytes < free / 4
