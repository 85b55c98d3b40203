"""How many n-grams the two sequences of a pair share, for many pairs at once."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]

AREA = 2**14  # symbols looked at together on each side: what a cache holds
BITS = 62  # of a key, beside the one that says whose it is


def numbered(sequences: Sequence[Sequence[Hashable]]) -> tuple[Integers, Integers]:
    """Numbers for the items of sequences one after the other, and how many each has."""
    known: defaultdict[Hashable, int] = defaultdict(count().__next__)
    symbols = [known[item] for sequence in sequences for item in sequence]
    return np.array(symbols, dtype=np.int64), np.array(list(map(len, sequences)), dtype=np.int64)


def shared_ngrams(symbols: Integers, lengths: Integers, orders: int) -> Integers:
    """Count the n-grams, with repetition, that the sequences of each pair share.

    Parameters
    ----------
    symbols
        Numbers from 0 on: those of the first sequence, of the one it is paired with, and so on.
    lengths
        Of the sequences, shape (N, 2).
    orders
        n goes from 1 to this.

    Returns
    -------
    array, shape (N, orders)
    """
    starts = (np.cumsum(lengths) - lengths.ravel()).reshape(-1, 2)
    longest = lengths.max(axis=1, initial=0)
    rest = np.argsort(longest, kind="stable")  # equal lengths together: little padding
    counted = np.zeros((len(rest), orders), dtype=np.int64)
    while len(rest) and (width := longest[rest[-1]]):
        rest, chunk = np.split(rest, [-max(1, AREA // width)])
        inside = np.arange(width) < lengths[chunk, :, None]
        some = symbols[(starts[chunk, :, None] + np.arange(width))[inside]]
        codes = np.zeros((len(chunk), 2, width + orders - 1), dtype=np.int64)  # 0: after the end
        codes[:, :, :width][inside] = np.cumsum(np.bincount(some) > 0)[some]
        for n, counts in _by_order(codes, width, orders):
            counted[chunk, n - 1] = counts
    return counted


def _by_order(codes: Integers, width: int, orders: int) -> Iterable[tuple[int, Integers]]:
    """Yield each order n and the number of n-grams that each pair shares, shape (B,).

    As many codes as fit make a key. Sorted keys of n codes are sorted by their first m < n too,
    so that one sort serves all of these orders.
    """
    bits, used, done = int(codes.max()).bit_length(), 0, 0
    grams = np.zeros((*codes.shape[:2], width), dtype=np.int64)
    while done < orders:
        more = min(orders - done, (BITS - used) // bits)
        for n in range(done, done + more):
            grams = grams << bits | codes[:, :, n : n + width]
        keys = (grams << 1 | np.array([[0], [1]])).reshape(len(grams), -1)
        keys.sort(axis=1)
        changes = keys[:, 1:] ^ keys[:, :-1]
        of_second = np.concatenate([[0], np.cumsum(keys & 1)])
        for n in range(done + 1, done + more + 1):
            shift = 1 + bits * (done + more - n)  # of what follows the first n codes
            new = np.ones(keys.shape, dtype=bool)
            new[:, 1:] = changes >= 1 << shift
            starts = np.flatnonzero(new)
            edges = np.append(starts, keys.size)
            second = np.diff(of_second[edges])
            both = np.minimum(second, np.diff(edges) - second)
            both[keys.ravel()[starts] >> shift & (1 << bits) - 1 == 0] = 0  # beyond an end
            rows = np.searchsorted(starts, np.arange(len(keys)) * keys.shape[1])
            yield n, np.add.reduceat(both, rows)
        done += more
        if done < orders:
            values, places = np.unique(grams, return_inverse=True)
            grams, used = places.reshape(grams.shape), len(values).bit_length()
