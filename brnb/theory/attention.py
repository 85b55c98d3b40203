"""Attention in numpy, as its equations stand (3.1 and A.1-A.8, A.32).

Short and in double precision: what faster implementations are compared with. Q is (n, d_k), K
(m, d_k), V (m, d_v); leading dimensions, such as heads, are carried along.
"""

import numpy as np
import numpy.typing as npt

from brnb.theory.number_formats import stable_softmax
from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


def attention_weights(q: npt.ArrayLike, k: npt.ArrayLike) -> Floats:
    """A = softmax(Q K^T / sqrt(d_k)), shape (..., n, m); rows add up to 1 (Eq. A.3).

    Raises
    ------
    ValueError
        If queries and keys differ in width.
    """
    queries, keys = np.asarray(q, float), np.asarray(k, float)
    if queries.shape[-1] != keys.shape[-1]:
        raise ValueError(
            f"q has width {queries.shape[-1]}, k has {keys.shape[-1]}: they must agree"
        )
    scores = queries @ np.swapaxes(keys, -1, -2) / np.sqrt(queries.shape[-1])
    return stable_softmax(scores)


def scaled_dot_product_attention(q: npt.ArrayLike, k: npt.ArrayLike, v: npt.ArrayLike) -> Floats:
    """Scaled dot-product attention, shape (..., n, d_v) (Eqs. 3.1, A.1).

    Permuting the positions of keys and values together changes nothing, and those of queries
    permutes the rows: Attention(P Q, P K, P V) = P Attention(Q, K, V). Eq. A.2 prints P on the
    right, Attention(Q P, K P, V P) = Attention(Q, K, V) P, which permutes features and not
    positions.
    """
    return np.asarray(attention_weights(q, k) @ np.asarray(v, float))


def multi_head(
    q: npt.ArrayLike,
    k: npt.ArrayLike,
    v: npt.ArrayLike,
    maps: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    heads: int,
) -> Floats:
    """Concat(head_1, ..., head_h) W^O, shape (n, d) (Eqs. A.6, A.7).

    Parameters
    ----------
    q, k, v
        Inputs, (n, d) and twice (m, d).
    maps
        W^Q, W^K, W^V and W^O, (d, d) each; the columns of head i are its d / h in order.
    heads
        h, a divisor of d.
    """
    wq, wk, wv, wo = (np.asarray(w, float) for w in maps)
    split = [_split(np.asarray(x, float) @ w, heads) for x, w in ((q, wq), (k, wk), (v, wv))]
    joined = np.moveaxis(scaled_dot_product_attention(*split), 0, 1)
    return np.asarray(joined.reshape(joined.shape[0], -1) @ wo)


def head_sum(
    x: npt.ArrayLike, weights: npt.ArrayLike, wv: npt.ArrayLike, wo: npt.ArrayLike
) -> Floats:
    """Sum over heads of A_i X W_i^V W_i^O, the same as multi-head attention (Eq. A.8).

    W_i^O are the rows of W^O that belong to head i. Eq. A.8 prints W^O for every head, whose
    shapes, (n, d_v) times (h d_v, d), do not even multiply.

    Parameters
    ----------
    x
        (n, d).
    weights
        A_i(X) of each head, (h, n, n).
    wv, wo
        (d, d) each.
    """
    a, inputs = np.asarray(weights, float), np.asarray(x, float)
    values = np.split(np.asarray(wv, float), len(a), axis=1)
    outputs = np.split(np.asarray(wo, float), len(a), axis=0)
    return np.asarray(sum(a[i] @ inputs @ values[i] @ outputs[i] for i in range(len(a))))


def score_moments(d_k: int, scaled: bool = False) -> tuple[float, float]:
    """Mean and variance of q.k of independent standard normal components (Eqs. A.4, A.5).

    0 and d_k; divided by sqrt(d_k), 0 and 1.
    """
    positive("features", d_k=d_k)
    return 0.0, 1.0 if scaled else float(d_k)


def value_gradient(weights: npt.ArrayLike, output_gradient: npt.ArrayLike) -> Floats:
    """dL/dV = A^T dL/dO, shape (m, d_v): whatever the distance |i - j| (Eq. A.32).

    Eq. A.32 names its left side the derivative of the attention; the sum is that of the loss.
    """
    return np.asarray(np.swapaxes(np.asarray(weights, float), -1, -2) @ np.asarray(output_gradient))


def _split(x: Floats, heads: int) -> Floats:
    """(n, d) to (h, n, d / h)."""
    if x.shape[1] % heads:
        raise ValueError(f"heads = {heads}: it must divide the width {x.shape[1]}")
    return np.moveaxis(x.reshape(len(x), heads, -1), 1, 0)
