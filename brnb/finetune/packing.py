"""Packing: documents side by side in rows of at most seq_len tokens, none of them cut or padded.

A pack is one sequence to the processor and several to the model: positions start again at every
document, and `lengths` tells the attention where one ends (`brnb.bases.attention`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

IGNORE = -100  # the label of what is no target, as in PyTorch and Hugging Face


@dataclass(frozen=True, eq=False)
class Example:
    """One document as token ids and labels.

    Attributes
    ----------
    key
        Name of the document that it comes from.
    ids, labels
        Shape (T,), int64, aligned as in Hugging Face: ``labels[i]`` is ``ids[i]`` where the token
        is to be predicted from those before it, else `IGNORE`. The first is never a target.
    bytes
        UTF-8 bytes of the text that the targets spell, one more for an end: what bits per byte
        divide by.
    """

    key: str
    ids: np.ndarray
    labels: np.ndarray
    bytes: int

    @property
    def targets(self) -> int:
        """Tokens that are to be predicted."""
        return int((self.labels != IGNORE).sum())


@dataclass(frozen=True, eq=False)
class Pack:
    """A pack: documents side by side.

    Attributes
    ----------
    ids, labels
        Shape (T,), int64; as those of `Example`.
    positions
        Shape (T,), int64: 0, 1, 2, … within each document.
    lengths
        Tokens of each document; they add up to T.
    """

    ids: Tensor
    labels: Tensor
    positions: Tensor
    lengths: tuple[int, ...]

    @property
    def targets(self) -> int:
        """Tokens that are to be predicted."""
        return int((self.labels != IGNORE).sum())


def pieces(example: Example, seq_len: int) -> list[Example]:
    """Cut a document into windows of at most `seq_len` tokens in which all its targets stay.

    Windows overlap by one token, which is a target in the first and context in the second: so
    every target is predicted exactly once, and never without a token before it.
    """
    starts = range(0, max(1, len(example.ids) - 1), seq_len - 1)
    parts = []
    for start in starts:
        labels = example.labels[start : start + seq_len].copy()
        labels[0] = IGNORE
        ids = example.ids[start : start + seq_len]
        parts.append(Example(example.key, ids, labels, example.bytes if start == 0 else 0))
    return parts


def pack(examples: Iterable[Example], seq_len: int, seed: int) -> list[Pack]:
    """Put documents into as few packs as best-fit decreasing does (Johnson, 1974).

    From the longest to the shortest, each goes where it leaves the least room (documents of one
    length in an order drawn from the seed). Longer ones than `seq_len` are cut by `pieces` first;
    pieces without a target are left out. The packing is at most 11/9 of the optimum; real text
    fills more than 99% of the room.

    Raises
    ------
    ValueError
        If nothing is left to learn from.
    """
    parts = [piece for example in examples for piece in pieces(example, seq_len) if piece.targets]
    if not parts:
        raise ValueError("no example has a token to learn from: check the data and the mask")
    order = np.random.default_rng(seed).permutation(len(parts))
    order = order[np.argsort([-len(parts[i].ids) for i in order], kind="stable")]
    bins = _best_fit([len(parts[i].ids) for i in order], seq_len)
    return [_pack([parts[order[place]] for place in places]) for places in bins]


def _best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Bins of places in `lengths`, none of which holds more than `room` in all."""
    bins: list[list[int]] = []
    with_room: list[list[int]] = [[] for _ in range(room + 1)]  # bins by the room they have left
    rooms = 0  # as bits: bit r is set where `with_room[r]` is not empty
    for place, length in enumerate(lengths):
        enough = rooms >> length << length
        least = (enough & -enough).bit_length() - 1  # the lowest bit that is set, or -1
        if least < 0:
            least, number = room, len(bins)
            bins.append([])
        else:
            number = with_room[least].pop()
            rooms ^= (not with_room[least]) << least
        bins[number].append(place)
        with_room[least - length].append(number)
        rooms |= 1 << least - length
    return bins


def _pack(parts: Sequence[Example]) -> Pack:
    return Pack(
        ids=torch.from_numpy(np.concatenate([part.ids for part in parts])),
        labels=torch.from_numpy(np.concatenate([part.labels for part in parts])),
        positions=torch.cat([torch.arange(len(part.ids)) for part in parts]),
        lengths=tuple(len(part.ids) for part in parts),
    )


class Packs:
    """The packs of every step: a function of the step alone, so that a training can be resumed.

    Every epoch reads each pack once, in an order of its own; its last step may have fewer packs
    than the others.
    """

    def __init__(self, packs: Sequence[Pack], packs_per_step: int, seed: int) -> None:
        self.packs, self.packs_per_step, self.seed = packs, packs_per_step, seed

    @property
    def steps_per_epoch(self) -> int:
        """Steps that read all packs once."""
        return -(-len(self.packs) // self.packs_per_step)

    def batch(self, step: int) -> list[Pack]:
        """The packs of a step, counted from 0 over all epochs."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.packs))
        first = place * self.packs_per_step
        return [self.packs[i] for i in order[first : first + self.packs_per_step]]


def filled(packs: Sequence[Pack], seq_len: int) -> float:
    """Share of the packs' room that tokens fill."""
    return sum(len(pack.ids) for pack in packs) / (len(packs) * seq_len)
