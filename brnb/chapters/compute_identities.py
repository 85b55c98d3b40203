"""Chapter 21: identities of parallel training, tried on numbers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brnb.report.labels import label
from brnb.theory.data_parallel import gradient_bound, mean_gradient, sgd_step
from brnb.theory.kv_cache import append, attend_cached
from brnb.theory.tensor_parallel import (
    bytes_per_flop,
    column_product,
    device_flops,
    heads_of,
    parallel_mlp,
    printed_row_product,
    reduced_bytes,
    row_product,
    split_columns,
    split_rows,
)

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def tab_identities(devices: int, seed: int, lang: str) -> "pd.DataFrame":
    """Each identity of the text on random numbers: the largest deviation, None where it fails."""
    random = np.random.default_rng(seed)
    inputs, up, down = (random.normal(size=s) for s in ((16, 32), (32, 64), (64, 32)))
    whole = inputs @ up
    tries: dict[str, tuple[str, Callable[[], Array]]] = {
        "cut_and_joined": ("B.68", lambda: np.concatenate(split_columns(up, devices), 1) - up),
        "cut_and_stacked": ("B.70", lambda: np.concatenate(split_rows(up, devices)) - up),
        "column_product": ("B.69", lambda: column_product(inputs, up, devices) - whole),
        "row_product": ("B.71", lambda: row_product(inputs, up, devices) - whole),
        "row_product_published": ("B.71", lambda: printed_row_product(inputs, up, devices) - whole),
        "mlp_in_parts": ("B.76", lambda: parallel_mlp(inputs, up, down, np.tanh, devices)
                         - np.tanh(whole) @ down),
        "heads_in_parts": ("B.79", lambda: _heads(random, devices)),
        "mean_of_parts": ("B.60", lambda: _gradients(random, (4, 8))),
        "mean_of_unequal_parts": ("B.96", lambda: _gradients(random, (2, 5))),
        "attention_with_cache": ("B.122", lambda: _cached(random)),
    }  # fmt: skip
    rows = [
        {
            "equation": equation,
            "identity": label(name, lang),
            "largest_deviation": _largest(compute),
        }
        for name, (equation, compute) in tries.items()
    ]
    return _frame(rows)


def _largest(compute: Callable[[], Array]) -> float | None:
    try:
        return float(np.abs(compute()).max())
    except ValueError:  # shapes that do not fit
        return None


def _heads(random: np.random.Generator, devices: int, heads: int = 8) -> Array:
    """Output of all heads less the sum over devices, W^O cut by rows."""
    mixed, out = random.normal(size=(16, 4 * heads)), random.normal(size=(4 * heads, 32))
    parts = [
        [c for head in heads_of(d, heads, devices) for c in range(4 * head - 4, 4 * head)]
        for d in range(1, devices + 1)
    ]
    return np.asarray(mixed @ out - sum(mixed[:, c] @ out[c] for c in parts))


def _gradients(random: np.random.Generator, ends: tuple[int, ...]) -> Array:
    """Step with the mean of parts' gradients less that of the batch, of a linear regression."""
    inputs, targets, weight = random.normal(size=(12, 3)), random.normal(size=12), np.ones(3)
    cuts = zip(np.split(inputs, ends), np.split(targets, ends), strict=True)
    parts = [2 * x.T @ (x @ weight - y) / len(y) for x, y in cuts]
    batch = 2 * inputs.T @ (inputs @ weight - targets) / 12
    return sgd_step(weight, mean_gradient(parts), 0.1) - sgd_step(weight, batch, 0.1)


def _cached(random: np.random.Generator, steps: int = 6, width: int = 4) -> Array:
    """Attention step by step with a cache less that of the whole causal sequence."""
    query, keys, values = random.normal(size=(3, steps, width))
    scores = query @ keys.T / np.sqrt(width)
    scores[np.triu_indices(steps, 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    whole = weights / weights.sum(axis=1, keepdims=True) @ values
    cache = np.empty((0, width)), np.empty((0, width))
    outputs = []
    for step in range(steps):
        cache = append(cache, keys[step], values[step])
        outputs.append(attend_cached(query[step], *cache))
    return np.asarray(np.stack(outputs) - whole)


def tab_tensor_parallel(
    widths: Sequence[int], devices: int, tokens: int, flops_per_byte: float
) -> "pd.DataFrame":
    """FLOPs and all-reduced bytes of a d x d map on each device (Eqs. B.72-B.74).

    Parameters
    ----------
    flops_per_byte : float
        Peak FLOP/s over the link's bytes/s; a map whose bytes for each FLOP exceed its inverse
        waits for the link.
    """
    rows = []
    for width in widths:
        ratio = float(bytes_per_flop(width, devices, "bf16"))
        rows.append(
            {
                "width": width,
                "gflop_device": float(device_flops(tokens, width, devices)) / 1e9,
                "mb_sent": float(reduced_bytes(tokens, width, devices, "bf16")) / 1e6,
                "bytes_per_kflop": 1e3 * ratio,
                "link_over_compute": ratio * flops_per_byte,
            }
        )
    return _frame(rows)


def tab_bound(workers: Sequence[int], steps: int = 10_000) -> "pd.DataFrame":
    """Eq. B.62 with P workers in it: L = f_0 - f* = sigma^2 = 1, and the best rate of each."""
    rates = np.geomspace(1e-4, 1, 400)
    rows = []
    for count in workers:
        bounds = np.asarray(gradient_bound(1.0, rates, steps, 1.0, 1.0, count))
        best = int(bounds.argmin())
        least = {"rate": float(rates[best]), "bound_sgd": float(bounds[best])}
        rows.append({"workers": count, **least})
    return _frame(rows)


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)
