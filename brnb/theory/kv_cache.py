"""The cache of keys and values in generation (Eqs. B.121-B.126)."""

import numpy as np
from numpy.typing import NDArray

from brnb.theory.shape import Shape
from brnb.theory.units import Quantity, not_negative, positive, size_of

Array = NDArray[np.float64]


def attend_cached(query: Array, keys: Array, values: Array) -> Array:
    """Attention of one query over all keys so far, softmax(q K^T / sqrt d) V (Eq. B.121).

    Parameters
    ----------
    query
    keys, values
        Of positions 1 to t.
    """
    scores = keys @ query / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max())
    return np.asarray(weights @ values / weights.sum())


def append(cache: tuple[Array, Array], key: Array, value: Array) -> tuple[Array, Array]:
    """Cache with the position t added, [K_cache, K_t] and [V_cache, V_t] (Eq. B.122)."""
    return np.vstack([cache[0], key]), np.vstack([cache[1], value])


def cache_bytes(
    layers: int, kv_width: int, tokens: Quantity, dtype: str, sequences: Quantity = 1
) -> Quantity:
    """Bytes of keys and values, 2 L n d sizeof for each sequence (Eqs. B.123-B.126).

    Parameters
    ----------
    layers
        L.
    kv_width
        Key-value heads times their width. Printed is d, which is right where every query head has
        its own (MHA); with grouped queries (GQA) it is a fraction of d.
    tokens
        n that a sequence has so far.
    dtype
        Format of the cache.
    sequences
        B.

    Examples
    --------
    >>> cache_bytes(32, 4096, 4096, "fp16") / 1e9  # LLaMA-7B, Eq. B.126
    2.147483648
    """
    positive("elements", layers=layers, kv_width=kv_width)
    not_negative("tokens", tokens=tokens, sequences=sequences)
    return 2 * layers * kv_width * tokens * sequences * size_of(dtype)


def shape_cache_bytes(
    shape: Shape, tokens: Quantity, dtype: str, sequences: Quantity = 1
) -> Quantity:
    """Bytes of the cache of a model of that shape, its key-value heads counted."""
    return cache_bytes(shape.layers, shape.kv_heads * shape.head_dim, tokens, dtype, sequences)


def sequences_that_fit(shape: Shape, tokens: int, dtype: str, free: float) -> int:
    """Most sequences of `tokens` whose caches fit into `free` bytes."""
    not_negative("bytes", free=free)
    return int(free // shape_cache_bytes(shape, tokens, dtype))
