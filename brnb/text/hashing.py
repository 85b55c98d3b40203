"""Hashes of texts: to find exact duplicates in bounded memory, and to draw without a state."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def hash64(data: bytes) -> int:
    """64-bit hash of a text in UTF-8 (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def fraction(data: bytes, seed: int, purpose: bytes) -> float:
    """A number in [0, 1), uniform over texts, fixed by the text, the seed and the purpose."""
    salt = seed.to_bytes(hashlib.blake2b.SALT_SIZE, "little")
    digest = hashlib.blake2b(data, digest_size=6, salt=salt, person=purpose).digest()
    return int.from_bytes(digest, "little") / 2**48


class HashSet:
    """Set of 64-bit hashes in a numpy table with open addressing and linear probing.

    A slot takes 8 bytes and at most two thirds of them are used, so that a document costs 12 to
    24 bytes, and half as much again while the table doubles: 44 million documents fit in 1 GiB,
    where a Python set of integers holds about 10 million. Two different texts among n share a
    hash with probability n² / 2⁶⁵: 3e-7 for the 3.5 million documents of BrWaC.

    Parameters
    ----------
    slots
        Slots to start with; a power of two.
    """

    def __init__(self, slots: int = 2**16) -> None:
        self._size = 0
        self._use(np.zeros(slots, np.uint64))

    def __len__(self) -> int:
        return self._size

    def add(self, value: int) -> bool:
        """Add `value`, in [0, 2⁶⁴); False if it was there."""
        value = value or 1  # 0 marks a free slot
        slot = value & self._mask
        while held := self._view[slot]:
            if held == value:
                return False
            slot = (slot + 1) & self._mask
        self._view[slot] = value
        self._size += 1
        if 3 * self._size > 2 * len(self._table):
            self._double()
        return True

    def _use(self, table: NDArray[np.uint64]) -> None:
        self._table = table
        self._view = memoryview(table.data)  # reads single slots several times faster than numpy
        self._mask = len(table) - 1

    def _double(self) -> None:
        table = np.zeros(2 * len(self._table), np.uint64)
        for start in range(0, len(self._table), 2**20):  # in parts: the temporaries stay small
            part = self._table[start : start + 2**20]
            _place(table, part[part != 0])
        self._use(table)


def _place(table: NDArray[np.uint64], values: NDArray[np.uint64]) -> None:
    """Put distinct new values into `table`, all of them one probe further in each round."""
    mask, one = np.uint64(len(table) - 1), np.uint64(1)
    slots = values & mask
    while values.size:
        free = table[slots] == 0
        table[slots[free]] = values[free]  # of several values for one slot, one stays
        left = table[slots] != values
        values, slots = values[left], (slots[left] + one) & mask
