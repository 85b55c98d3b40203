"""Recurrent networks beside Transformers: steps, work, gradients (A.1.4, A.1.5, A.22-A.31)."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


def sequential_steps(kind: str, n: npt.ArrayLike) -> Floats:
    """Steps of a layer that wait for one another: n, or 1 (Eqs. A.22, A.25).

    Parameters
    ----------
    kind
        ``"rnn"`` or ``"transformer"``.
    n
        Tokens.
    """
    positive("tokens", n=n)
    tokens = np.asarray(n, float)
    return tokens if _checked(kind) == "rnn" else np.ones_like(tokens)


def operations_per_step(kind: str, n: npt.ArrayLike, width: int) -> Floats:
    """Products of a step, up to a constant: d^2, or n^2 d + n d^2 (Eqs. A.23, A.26)."""
    positive("tokens, features", n=n, width=width)
    tokens = np.asarray(n, float)
    if _checked(kind) == "rnn":
        return np.full_like(tokens, float(width) ** 2)
    return np.asarray(tokens**2 * width + tokens * width**2)


def parallel_operations(kind: str, n: npt.ArrayLike, width: int) -> Floats:
    """Products that can run at once: all of a step (Eqs. A.24, A.27).

    A.27 prints n^2 d, which leaves out the maps; they are more for n < d.
    """
    return operations_per_step(kind, n, width)


def printed_parallel_operations(n: npt.ArrayLike, width: int) -> Floats:
    """n^2 d, as A.27 prints it for a Transformer."""
    positive("tokens, features", n=n, width=width)
    return np.asarray(np.asarray(n, float) ** 2 * width)


def speedup(n: npt.ArrayLike, width: int, processors: float) -> Floats:
    """How many times faster a Transformer layer is than a recurrent one on P processors.

    Each of its steps takes its operations over P, but at least one unit of time (Brent, 1974):
    n max(1, d^2 / P) over max(1, (n^2 d + n d^2) / P). Enough processors give n; few give
    d / (n + d), below 1, because the Transformer has more to do.
    """
    positive("processors", processors=processors)
    times = [
        sequential_steps(kind, n) * np.maximum(1, operations_per_step(kind, n, width) / processors)
        for kind in ("rnn", "transformer")
    ]
    return np.asarray(times[0] / times[1])


def printed_speedup(n: npt.ArrayLike, width: int, processors: float) -> Floats:
    """min(P, n^2 / d + n), as A.28 prints it.

    This divides the work of all positions by that of a single recurrent step: it grows with the
    work, as if more to do were faster, and exceeds n, the number of steps there are to save.
    """
    positive("tokens, features, processors", n=n, width=width, processors=processors)
    tokens = np.asarray(n, float)
    return np.minimum(processors, tokens**2 / width + tokens)


def gradient_through_time(
    last: npt.ArrayLike, jacobians: Sequence[npt.ArrayLike], direct: npt.ArrayLike
) -> Floats:
    """dL/dh_T times all dh_k/dh_(k-1), k = T down to t + 1, times dh_t/dtheta_t (Eq. A.29).

    Parameters
    ----------
    last
        dL/dh_T, shape (d,).
    jacobians
        dh_k/dh_(k-1) for k = t + 1 to T in order, (d, d) each.
    direct
        dh_t/dtheta_t, shape (d, p).
    """
    through = reduce(
        lambda row, J: row @ np.asarray(J, float), reversed(jacobians), np.asarray(last)
    )
    return np.asarray(through @ np.asarray(direct, float))


def recurrent_gradient_bound(jacobians: Sequence[npt.ArrayLike]) -> float:
    """The product of the largest singular values bounds the norm of the product (cf. A.30)."""
    return float(np.prod([np.linalg.norm(np.asarray(J, float), 2) for J in jacobians]))


def printed_gradient_bound(jacobian: npt.ArrayLike, steps: int) -> float:
    """|lambda_max|^(T - t), as A.30 prints it: no bound unless the matrix is normal.

    [[0, 2], [0, 0]] has only the eigenvalue 0, and norm 2.
    """
    return float(np.abs(np.linalg.eigvals(np.asarray(jacobian, float))).max() ** steps)


def residual_gradient(output_gradient: npt.ArrayLike, jacobian: npt.ArrayLike) -> Floats:
    """dL/dx = dL/dy (I + dF/dx) for y = x + F(x), rows as gradients (Eq. A.31)."""
    rows = np.asarray(output_gradient, float)
    return np.asarray(rows + rows @ np.asarray(jacobian, float))


def _checked(kind: str) -> str:
    if kind not in ("rnn", "transformer"):
        raise ValueError(f"kind = {kind!r}: choose 'rnn' or 'transformer'")
    return kind
