"""Chapter 20, appendix A's equations: what they print beside what is right, and what must hold."""

from typing import TYPE_CHECKING, Any

import numpy as np

from brnb.chapters.corrections import printed_beside_corrected
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory import attention as formulas
from brnb.theory import attention_cost as cost
from brnb.theory import number_formats, online_softmax, positions, recurrence, sparse_patterns

if TYPE_CHECKING:
    import pandas as pd

N, HEADS, HEAD_DIM = 8192, 32, 128  # the appendix's own example (A.21, A.40-A.44, A.51-A.52)
WIDTH, SRAM = HEADS * HEAD_DIM, 4e7  # and the fast memory, in numbers, with which A.51 gives 859
BANDWIDTH, PEAK = 1.6e12, 312e12  # bytes/s and FLOP/s of its A100
WINDOW, GLOBAL, PROCESSORS = 512, 16, 64  # what A.28 and A.56-A.59 leave open
SIZES = [4, 4, 8]  # rows of queries and of keys, and features, of the small matrices below


def tab_attention_equations(lang: str) -> "pd.DataFrame":
    """Formulas whose printed form differs, both evaluated at the appendix's example.

    Returns
    -------
    pandas.DataFrame
        ``equation``, ``quantity``, ``printed_value``, ``corrected_value`` and their ratio.
    """
    return printed_beside_corrected(_pairs(), lang)


def _pairs() -> list[tuple[str, str, Any, Any]]:
    """Equation, quantity (a label), printed and corrected value."""
    layer, layer_printed = cost.layer_flops(N, WIDTH), cost.printed_layer_flops(N, WIDTH)
    shape = (N, HEADS, HEAD_DIM)
    moved = cost.transfer_seconds(cost.naive_traffic_bytes(*shape), BANDWIDTH)
    parallel = recurrence.parallel_operations("transformer", N, WIDTH)
    jacobian = np.array([[0.5, 2.0], [0.0, 0.5]])  # eigenvalues 0.5, yet it stretches
    seen = sparse_patterns.longformer_mask(N // 16, WINDOW // 16, range(GLOBAL)).sum()
    columns = sparse_patterns.printed_longformer_mask(N // 16, WINDOW // 16, range(GLOBAL)).sum()
    return [
        ("A.15", "layer_part_flops", *_first(layer_printed, layer)),
        ("A.20", "layer_flops", cost.printed_total_flops(N, WIDTH), cost.total_flops(N, WIDTH)),
        ("A.27", "parallel_products", recurrence.printed_parallel_operations(N, WIDTH), parallel),
        (
            "A.28", "transformer_speedup", recurrence.printed_speedup(N, WIDTH, PROCESSORS),
            recurrence.speedup(N, WIDTH, PROCESSORS),
        ),
        (
            "A.30", "gradient_norm", recurrence.printed_gradient_bound(jacobian, 4),
            recurrence.recurrent_gradient_bound([jacobian] * 4),
        ),
        (
            "A.39", "attention_memory", cost.printed_naive_attention_bytes(*shape),
            cost.naive_attention_bytes(*shape),
        ),
        ("A.42", "traffic_seconds", cost.printed_memory_seconds(*shape), moved),
        (
            "A.44", "product_seconds", cost.printed_attention_seconds(*shape),
            cost.attention_seconds(*shape, PEAK),
        ),
        (
            "A.51", "memory_saved", online_softmax.printed_memory_reduction(N, HEAD_DIM, SRAM),
            online_softmax.memory_reduction(N, HEAD_DIM),
        ),
        (
            "A.54", "traffic_saved", online_softmax.printed_traffic_reduction(N, HEAD_DIM, SRAM),
            online_softmax.traffic_reduction(N, HEAD_DIM, SRAM),
        ),
        ("A.56", "longformer_pairs", columns, seen),
        (
            "A.59", "sparse_pairs", sparse_patterns.printed_sparse_pairs(N, WINDOW, GLOBAL),
            sparse_patterns.sparse_pairs(N, WINDOW, GLOBAL),
        ),
    ]  # fmt: skip


def _first(printed: dict[str, Any], corrected: dict[str, Any]) -> tuple[Any, Any]:
    """Both values of the first part that the two have in common."""
    part = next(name for name in printed if name in corrected)
    return printed[part], corrected[part]


def tab_attention_sizes(lang: str) -> "pd.DataFrame":
    """What the other formulas give at the appendix's example: ``equation``, ``quantity``, value."""
    rows = [
        {"equation": number, "quantity": label(_key(number), lang), "recomputed": float(value)}
        for number, value in _values()
    ]
    return frame(rows)


def _values() -> list[tuple[str, Any]]:
    half, full = number_formats.number_range("fp16"), number_formats.number_range("fp32")
    return [
        ("A.5", formulas.score_moments(HEAD_DIM, scaled=True)[1]),
        ("A.21", cost.score_bytes(N)),
        ("A.13", cost.activation_bytes(N, HEADS, HEAD_DIM)),
        ("A.22", recurrence.sequential_steps("rnn", N)),
        ("A.25", recurrence.sequential_steps("transformer", N)),
        ("A.23", recurrence.operations_per_step("rnn", N, WIDTH)),
        ("A.26", recurrence.operations_per_step("transformer", N, WIDTH)),
        ("A.36", positions.learned_bytes(N, WIDTH)),
        ("A.49", online_softmax.sram_numbers(64, 64, HEAD_DIM)),
        ("A.50", online_softmax.flash_memory_numbers(N, HEAD_DIM)),
        ("A.53", online_softmax.flash_reads(N, HEAD_DIM, SRAM)),
        ("A.57", sparse_patterns.window_pairs(N, WINDOW)),
        ("A.58", sparse_patterns.global_pairs(N, GLOBAL)),
        ("A.61", half[1]),
        ("A.62", full[1]),
        ("A.64", number_formats.scaled_loss(2.0)),
    ]


def tab_attention_properties(seed: int, lang: str) -> "pd.DataFrame":
    """Largest difference between the two sides of an equation, on small random matrices.

    Returns
    -------
    pandas.DataFrame
        ``equation``, ``quantity`` and ``largest_difference``, 0 up to rounding.
    """
    rows = [
        {
            "equation": number,
            "quantity": label(_key(number), lang),
            "largest_difference": difference,
        }
        for number, difference in _differences(np.random.default_rng(seed))
    ]
    return frame(rows)


def _differences(random: np.random.Generator) -> list[tuple[str, float]]:
    n, m, d = SIZES
    q, k, v = random.normal(size=(n, d)), random.normal(size=(m, d)), random.normal(size=(m, d))
    weights = formulas.attention_weights(q, k)
    first = online_softmax.partial(q @ k[:2].T / np.sqrt(d), v[:2])
    second = online_softmax.partial(q @ k[2:].T / np.sqrt(d), v[2:])
    both = online_softmax.merge(first, second)
    gradient, jacobian = random.normal(size=(n, d)), random.normal(size=(d, d))
    chained = recurrence.gradient_through_time(gradient[0], [jacobian, jacobian], np.eye(d))
    residual = recurrence.residual_gradient(gradient, jacobian)
    moved = positions.sinusoidal(m + 3, d)
    scores = 1e3 * random.normal(size=d)
    return [
        ("A.1", _largest(formulas.scaled_dot_product_attention(q, k, v), weights @ v)),
        ("A.3", _largest(weights.sum(-1), 1)),
        ("A.29", _largest(chained, gradient[0] @ jacobian @ jacobian)),
        ("A.31", _largest(residual, gradient + gradient @ jacobian)),
        ("A.32", _largest(formulas.value_gradient(weights, gradient), weights.T @ gradient)),
        ("A.35", _largest(moved[:m] @ positions.shift_matrix(3, d).T, moved[3:])),
        ("A.45", _largest(sum(online_softmax.softmax_of_two(1.0, 900.0)), 1)),
        ("A.46", _largest(online_softmax.new_maximum(first.maximum, second.maximum), both.maximum)),
        ("A.47", _largest(online_softmax.new_total(first, second), both.total)),
        ("A.48", _largest(both.output, formulas.scaled_dot_product_attention(q, k, v))),
        ("A.55", _largest(sparse_patterns.sparsity(weights, 2.0), 1)),
        ("A.63", _largest(number_formats.stable_softmax(scores).sum(), 1)),
        ("A.8", _heads_difference(random, n, d)),
    ]  # fmt: skip


def _heads_difference(random: np.random.Generator, n: int, d: int, heads: int = 2) -> float:
    """Between heads put side by side and mapped, and the sum of heads with rows of the map each."""
    x = random.normal(size=(n, d))
    wq, wk, wv, wo = (random.normal(size=(d, d)) for _ in range(4))
    joined = formulas.multi_head(x, x, x, (wq, wk, wv, wo), heads)
    size = d // heads
    weights = [
        formulas.attention_weights((x @ wq)[:, i : i + size], (x @ wk)[:, i : i + size])
        for i in range(0, d, size)
    ]
    return _largest(joined, formulas.head_sum(x, np.stack(weights), wv, wo))


def _key(number: str) -> str:
    """Label of what an equation of appendix A says."""
    return f"equation_{number.lower().replace('.', '_')}"


def _largest(one: object, other: object) -> float:
    """The largest absolute difference."""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).max())
