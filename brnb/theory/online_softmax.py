"""Softmax in pieces, and what that saves (A.2.2, Eqs. A.45-A.54).

Partial results over a part of the keys are a row's maximum m, its sum l of exponentials, and its
output O, already divided by l. `merge` joins two of them exactly. Costs count numbers, not bytes.
"""

from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


class Partial(NamedTuple):
    """Attention of n queries over some of the keys: m and l, shape (n,), and O, (n, d_v)."""

    maximum: Floats
    total: Floats
    output: Floats


def softmax_of_two(x1: npt.ArrayLike, x2: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Softmax of two scores, with their maximum taken off (Eq. A.45)."""
    m = new_maximum(x1, x2)
    first, second = np.exp(np.asarray(x1, float) - m), np.exp(np.asarray(x2, float) - m)
    return first / (first + second), second / (first + second)


def partial(scores: npt.ArrayLike, values: npt.ArrayLike) -> Partial:
    """Statistics and output of one block of scores (n, b) and values (b, d_v)."""
    s = np.asarray(scores, float)
    maximum = s.max(axis=-1)
    weights = np.exp(s - maximum[:, None])
    total = weights.sum(axis=-1)
    return Partial(maximum, total, weights @ np.asarray(values, float) / total[:, None])


def new_maximum(m1: npt.ArrayLike, m2: npt.ArrayLike) -> Floats:
    """m of both blocks (Eq. A.46)."""
    return np.maximum(np.asarray(m1, float), np.asarray(m2, float))


def new_total(first: Partial, second: Partial) -> Floats:
    """Sum of exponentials of both blocks, under their common maximum (Eq. A.47)."""
    m = new_maximum(first.maximum, second.maximum)
    return np.asarray(
        np.exp(first.maximum - m) * first.total + np.exp(second.maximum - m) * second.total
    )


def merge(first: Partial, second: Partial) -> Partial:
    """Both blocks in one, as if their scores had been together (Eqs. A.46-A.48)."""
    m, total = new_maximum(first.maximum, second.maximum), new_total(first, second)
    shares = [np.exp(p.maximum - m) * p.total / total for p in (first, second)]
    output = shares[0][:, None] * first.output + shares[1][:, None] * second.output
    return Partial(m, total, output)


def block_rows(sram: float, head_dim: int) -> int:
    """Rows of a block for a fast memory of `sram` numbers, M / 4d (Dao et al., 2022, algorithm 1).

    Queries, keys, values and output of a block then fill it. The text before A.51 prints the
    square root of that.
    """
    positive("numbers", sram=sram, head_dim=head_dim)
    return max(1, int(sram // (4 * head_dim)))


def sram_numbers(rows: int, columns: int, head_dim: int) -> int:
    """Numbers in fast memory: Q and O of a block, K and V of another, their scores (Eq. A.49).

    A.49 prints B_r d + B_c d + B_r B_c, one of each pair, which its O() allows.
    """
    positive("numbers", rows=rows, columns=columns, head_dim=head_dim)
    return 2 * rows * head_dim + 2 * columns * head_dim + rows * columns


def flash_memory_numbers(n: npt.ArrayLike, head_dim: int) -> Floats:
    """Numbers of a head in slow memory: Q, K, V, O and two statistics a row (Eq. A.50)."""
    positive("tokens, features", n=n, head_dim=head_dim)
    return np.asarray(np.asarray(n, float) * (4 * head_dim + 2))


def memory_reduction(n: npt.ArrayLike, head_dim: int) -> Floats:
    """How many times fewer numbers than naive attention, whose matrix is n^2 (cf. A.51, A.52).

    About n / 4d: the block's size, and so M, has no part in it.
    """
    tokens = np.asarray(n, float)
    return (tokens**2 + 4 * tokens * head_dim) / flash_memory_numbers(n, head_dim)


def printed_memory_reduction(n: npt.ArrayLike, head_dim: int, sram: float) -> Floats:
    """4 d n^2 / M, as A.51 prints it: the matrix over the squared block, two different memories.

    For d = 128, n = 8192 and M = 40e6 this is 859; A.52 prints 69.
    """
    positive("tokens, features, numbers", n=n, head_dim=head_dim, sram=sram)
    return np.asarray(4 * head_dim * np.asarray(n, float) ** 2 / sram)


def flash_reads(n: int, head_dim: int, sram: float) -> float:
    """Numbers read from slow memory: Q once, K and V once for each block of queries (A.53).

    With M / 4d rows a block there are 4nd / M of them: 8 n^2 d^2 / M, the order that A.53 prints,
    and that its own block of sqrt(M / 4d) rows would miss.
    """
    positive("tokens, features", n=n, head_dim=head_dim)
    blocks = ceil(n / block_rows(sram, head_dim))
    return float(n * head_dim * (1 + 2 * blocks))


def flash_writes(n: npt.ArrayLike, head_dim: int) -> Floats:
    """Numbers written to slow memory, the output (Eq. A.54)."""
    positive("tokens, features", n=n, head_dim=head_dim)
    return np.asarray(np.asarray(n, float) * head_dim)


def traffic_reduction(n: int, head_dim: int, sram: float) -> float:
    """How many times fewer numbers are moved than by naive attention, 4 n^2 + 4 n d.

    Of the order of M / d^2, whatever n. The text after A.54 prints M / (n d).
    """
    naive = 4.0 * n**2 + 4 * n * head_dim
    return naive / (flash_reads(n, head_dim, sram) + float(flash_writes(n, head_dim)))


def printed_traffic_reduction(n: int, head_dim: int, sram: float) -> float:
    """M / (n d), as the text after A.54 prints it."""
    positive("tokens, features, numbers", n=n, head_dim=head_dim, sram=sram)
    return sram / (n * head_dim)
