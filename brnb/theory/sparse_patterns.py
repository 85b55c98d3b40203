"""Sparse attention: who may look at whom, and how many pairs that is (A.2.3, Eqs. A.55-A.60).

A pattern is a boolean (n, n) array: row i, column j, whether i attends to j.
"""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from brnb.theory.units import not_negative, positive

Mask = npt.NDArray[np.bool_]


def sparsity(weights: npt.ArrayLike, epsilon: float = 0.01) -> float:
    """Share of attention weights below epsilon (Eq. A.55)."""
    positive("a weight", epsilon=epsilon)
    return float((np.asarray(weights, float) < epsilon).mean())


def window_mask(n: int, window: int) -> Mask:
    """|i - j| <= w / 2, the local part of both patterns (Eqs. A.56, A.57)."""
    positive("tokens", n=n, window=window)
    positions = np.arange(n)
    return np.asarray(np.abs(positions[:, None] - positions) <= window // 2)


def longformer_mask(n: int, window: int, global_tokens: Collection[int]) -> Mask:
    """Local attention, and global tokens that see all and are seen by all (Eq. A.56).

    A.56 prints "j in G(i)" alone, which does not let a global token look anywhere but near.
    """
    mask = window_mask(n, window)
    chosen = list(global_tokens)
    mask[chosen, :] = True
    mask[:, chosen] = True
    return mask


def printed_longformer_mask(n: int, window: int, global_tokens: Collection[int]) -> Mask:
    """A.56 to the letter: global columns, no global rows."""
    mask = window_mask(n, window)
    mask[:, list(global_tokens)] = True
    return mask


def window_pairs(n: npt.ArrayLike, window: int) -> npt.NDArray[np.float64]:
    """Pairs of the window, n(w + 1) less those beyond both ends; A.57 writes n w."""
    positive("tokens", n=n, window=window)
    half = window // 2
    tokens = np.asarray(n, float)
    return np.asarray(
        np.where(tokens > half, tokens * (2 * half + 1) - half * (half + 1), tokens**2)
    )


def global_pairs(n: npt.ArrayLike, count: int) -> npt.NDArray[np.float64]:
    """Pairs of g global tokens, rows and columns: 2 n g - g^2; A.58 writes n g."""
    not_negative("tokens", count=count)
    positive("tokens", n=n)
    return np.asarray(2 * np.asarray(n, float) * count - count**2)


def sparse_pairs(
    n: npt.ArrayLike, window: int, count: int, random: int = 0
) -> npt.NDArray[np.float64]:
    """Pairs of window, globals and random links, at most: n(w + 1 + 2g + r) (Eq. A.59, Table 14).

    Those that two of them share are counted twice, so that a mask has no more.
    """
    not_negative("tokens", random=random)
    tokens = np.asarray(n, float)
    total = window_pairs(n, window) + global_pairs(n, count) + tokens * random
    return np.minimum(total, tokens**2)


def printed_sparse_pairs(
    n: npt.ArrayLike, window: int, count: int, random: int = 0
) -> npt.NDArray[np.float64]:
    """n(w + g + r), as A.59 and Table 14 print the order of magnitude."""
    not_negative("tokens", count=count, random=random)
    positive("tokens", n=n, window=window)
    return np.asarray(np.asarray(n, float) * (window + count + random))
