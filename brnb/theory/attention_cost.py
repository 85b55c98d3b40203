"""Operations, bytes and seconds of attention (A.1.3 and A.2.1, Eqs. A.9-A.21 and A.37-A.44).

The dissertation counts a multiplication and an addition as one operation in A.15-A.20 and as two
in B.2-B.12. Here they are two, as everywhere in this room; `printed_layer_flops` counts as A does.
n, the number of tokens, may be an array.
"""

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive, size_of

Floats = npt.NDArray[np.float64]

PARTS = ("qkv", "scores", "mixing", "output", "feedforward")


def layer_flops(n: npt.ArrayLike, width: int, hidden: int | None = None) -> dict[str, Floats]:
    """Forward FLOP of one Transformer layer over n tokens, by part (Eqs. A.15-A.19).

    Parameters
    ----------
    n
        Tokens, every one attending to all.
    width, hidden
        d, and d_ff of a feed-forward network of two maps; 4d by default.
    """
    hidden = 4 * width if hidden is None else hidden
    positive("tokens, features", n=n, width=width, hidden=hidden)
    tokens = np.asarray(n, float)
    return {
        "qkv": 6 * tokens * width**2,
        "scores": 2 * tokens**2 * width,
        "mixing": 2 * tokens**2 * width,
        "output": 2 * tokens * width**2,
        "feedforward": 4 * tokens * width * hidden,
    }


def printed_layer_flops(n: npt.ArrayLike, width: int) -> dict[str, Floats]:
    """The same as A.15-A.19 print it, called FLOP: multiplications only, half of the operations."""
    return {part: flops / 2 for part, flops in layer_flops(n, width).items()}


def total_flops(n: npt.ArrayLike, width: int) -> Floats:
    """24 n d^2 + 4 n^2 d, a whole layer (Eqs. A.9-A.11, A.20 with two operations a product)."""
    return np.asarray(sum(layer_flops(n, width).values()))


def printed_total_flops(n: npt.ArrayLike, width: int) -> Floats:
    """12 n d^2 + 2 n^2 d, as A.20 prints it: half of the operations."""
    return np.asarray(sum(printed_layer_flops(n, width).values()))


def crossover_length(width: int, causal: bool = False) -> float:
    """The n from which scores and mixing take more operations than all maps: 6d (A.1.3.2).

    Under a causal mask half of the scores are left out, and it is 12d.
    """
    positive("features", width=width)
    return 6.0 * width * (2 if causal else 1)


def score_bytes(n: npt.ArrayLike, heads: int = 1, dtype: str = "fp32") -> Floats:
    """Bytes of the n x n matrices of all heads (Eqs. A.12, A.21, A.37)."""
    positive("tokens, heads", n=n, heads=heads)
    return np.asarray(heads * np.asarray(n, float) ** 2 * size_of(dtype))


def activation_bytes(n: npt.ArrayLike, heads: int, head_dim: int, dtype: str = "fp16") -> Floats:
    """Bytes of one of queries, keys, values and output (Eqs. A.13, A.38)."""
    positive("tokens, heads, features", n=n, heads=heads, head_dim=head_dim)
    return np.asarray(heads * np.asarray(n, float) * head_dim * size_of(dtype))


def naive_attention_bytes(
    n: npt.ArrayLike, heads: int, head_dim: int, dtype: str = "fp16"
) -> Floats:
    """Bytes alive in attention that stores its matrix: weights, and Q, K, V and output.

    The softmax is taken in place; one that is not has two matrices at once.
    """
    return np.asarray(
        score_bytes(n, heads, dtype) + 4 * activation_bytes(n, heads, head_dim, dtype)
    )


def printed_naive_attention_bytes(n: npt.ArrayLike, heads: int, head_dim: int) -> Floats:
    """2h (n^2 + n d_k), as A.39 prints it in fp16: with one of the four activations (A.39, A.40).

    For n = 8192, h = 32 and d_k = 128 this is 4.36 GB; A.40 prints 4.3.
    """
    return np.asarray(score_bytes(n, heads, "fp16") + activation_bytes(n, heads, head_dim))


def transfer_seconds(data: npt.ArrayLike, bandwidth: float) -> Floats:
    """Seconds to move bytes (Eq. A.41).

    Parameters
    ----------
    data, bandwidth
        Bytes, and bytes a second; `brnb.theory.units.bytes_per_second` reads ``"1.6 TB/s"``.

    Raises
    ------
    ValueError
        If the bandwidth is a text, such as one in bits, or one of the two is not above 0.
    """
    positive("bytes", data=data)
    positive("bytes/s", bandwidth=bandwidth)
    return np.asarray(np.asarray(data, float) / bandwidth)


def naive_traffic_bytes(n: npt.ArrayLike, heads: int, head_dim: int, dtype: str = "fp16") -> Floats:
    """Bytes between memory and chip: scores written and read, weights written and read.

    Queries, keys and values are read and the output written once. A.42 moves every byte of A.39
    once, and so a quarter of the matrices' traffic.
    """
    return np.asarray(
        4 * score_bytes(n, heads, dtype) + 4 * activation_bytes(n, heads, head_dim, dtype)
    )


def printed_memory_seconds(
    n: npt.ArrayLike, heads: int, head_dim: int, bandwidth: float = 1.6e12
) -> Floats:
    """Seconds of A.42: the bytes of A.39, each moved once (2.7 ms in its example)."""
    return transfer_seconds(printed_naive_attention_bytes(n, heads, head_dim), bandwidth)


def attention_seconds(n: npt.ArrayLike, heads: int, head_dim: int, peak: float) -> Floats:
    """Seconds of both products, 4 n^2 h d_k FLOP, at a peak in FLOP/s (Eqs. A.43, A.44)."""
    positive("tokens, heads, features, FLOP/s", n=n, heads=heads, head_dim=head_dim, peak=peak)
    return np.asarray(4 * np.asarray(n, float) ** 2 * heads * head_dim / peak)


def printed_attention_seconds(
    n: npt.ArrayLike, heads: int, head_dim: int, peak: float = 312e12
) -> Floats:
    """Seconds of A.44, (2 n^2 d + n^2) / peak: half of the operations.

    For n = 8192 and d = 32 x 128 this is 1.8 ms; A.44 prints 0.9, half of it.
    """
    positive("tokens, heads, features, FLOP/s", n=n, heads=heads, head_dim=head_dim, peak=peak)
    tokens = np.asarray(n, float)
    return np.asarray((2 * tokens**2 * heads * head_dim + tokens**2) / peak)
