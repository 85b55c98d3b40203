"""Chapter 21: memory of caches, pages and padding, throughput and latency of answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.theory.kv_cache import cache_bytes, sequences_that_fit, shape_cache_bytes
from brnb.theory.paging import expected_paged_waste, paged_waste, pages, reserved_waste
from brnb.theory.serving import (
    Schedule,
    busy_share,
    continuous_schedule,
    exponential_utilisation,
    mean_latency,
    padded_schedule,
    padding_utilisation,
    throughput,
)
from brnb.theory.shape import Shape

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Layers, width of keys, and parameters as published with each model.
CACHES = {
    "GPT-3 175B": (96, 12288, 175e9),
    "OPT-13B": (40, 5120, 12.85e9),
    "LLaMA-7B": (32, 4096, 6.74e9),
    "Llama 3.1 8B": (32, 1024, 8.03e9),
    "Llama 3.1 70B": (80, 1024, 70.55e9),
    "Qwen3 8B": (36, 1024, 8.19e9),
}


def tab_kv_cache(tokens: int, gpu_gb: float) -> "pd.DataFrame":
    """Caches of published models: of a token, of a sequence in two formats, and how many fit.

    Parameters
    ----------
    tokens : int
        Of a sequence.
    gpu_gb : float
        Memory of a GPU in GB, of which the weights take 2 bytes a parameter first.
    """
    rows = []
    for name, (layers, kv_width, parameters) in CACHES.items():
        free = max(0.0, 1e9 * gpu_gb - 2 * parameters)
        sixteen, eight = (float(cache_bytes(layers, kv_width, tokens, d)) for d in ("fp16", "int8"))
        rows.append(
            {
                "model": name,
                "kib_token": float(cache_bytes(layers, kv_width, 1, "fp16")) / 1024,
                "gb_fp16": sixteen / 1e9,
                "gb_int8": eight / 1e9,
                "sequences_fp16": int(free // sixteen),
                "sequences_int8": int(free // eight),
            }
        )
    return _frame(rows)


def request_lengths(count: int, mean: float, longest: int, seed: int) -> NDArray[np.int64]:
    """Lengths of answers: exponential, cut at the longest that is allowed (B.3.3.1)."""
    drawn = np.random.default_rng(seed).exponential(mean, 20 * count)
    lengths: NDArray[np.int64] = np.ceil(drawn[drawn < longest][:count]).astype(np.int64)
    return lengths


def fig_padding(cutoffs: Sequence[float], seed: int, lang: str) -> "Figure":
    """Tokens' share of a padded batch against its size: curves, draws, and the text's 60-70%."""
    fig, axis = figure(3.2)
    batches = 2 ** np.arange(0, 8)
    random = np.random.default_rng(seed)
    for place, cutoff in enumerate(cutoffs):
        curve = [exponential_utilisation(int(b), cutoff) for b in batches]
        name = f"{label('cut_at', lang)} {cutoff:g}" if cutoff < 20 else label("uncut", lang)
        axis.semilogx(batches, curve, base=2, color=f"C{place}", label=name)
        drawn = random.exponential(size=200_000)
        drawn = drawn[drawn < cutoff][:65_536]
        groups = [drawn[: len(drawn) // b * b].reshape(-1, b) for b in batches]
        shares = [g.mean() / g.max(axis=1).mean() for g in groups]
        axis.semilogx(batches, shares, "o", base=2, color=f"C{place}", markerfacecolor="none")
    axis.axhspan(0.6, 0.7, color="0.9", zorder=0, label=label("utilisation_published", lang))
    axis.set_ylim(0, 1.02)
    axis.set_xlabel(label("batch_sequences", lang))
    axis.set_ylabel(label("utilisation", lang))
    axis.legend()
    return fig


def tab_serving(
    lengths: Sequence[int], slots: int, step_seconds: float, lang: str
) -> "pd.DataFrame":
    """The same requests in padded batches and continuously: Eqs. B.133-B.136 of both.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each answer; all wait at 0.
    slots : int
        Sequences that advance together.
    step_seconds : float
        Of one token in all slots.
    """
    schedules = {
        "padded_batches": padded_schedule(list(lengths), slots),
        "continuous_batches": continuous_schedule(list(lengths), slots),
    }
    rows = [
        {"batching": label(name, lang), **_metrics(found, step_seconds)}
        for name, found in schedules.items()
    ]
    return _frame(rows)


def _metrics(found: Schedule, step_seconds: float) -> dict[str, Any]:
    seconds = found.steps * step_seconds
    ends = step_seconds * np.asarray(found.ends)
    busy = busy_share(found.tokens * step_seconds / found.slots, seconds)
    return {
        "steps": found.steps,
        "tokens_per_second": throughput(found.tokens, seconds, 1),
        "latency_seconds": mean_latency(np.zeros(len(ends)), ends),
        "utilisation_percent": 100 * busy,
    }


def predicted_gain(lengths: Sequence[int], slots: int) -> float:
    """Gain of continuous over padded batching by Eq. B.133, all batches together."""
    batches = [lengths[i : i + slots] for i in range(0, len(lengths), slots)]
    padded = sum(sum(batch) / padding_utilisation(batch) for batch in batches)
    return float(padded / sum(lengths))


def tab_paging(lengths: Sequence[int], sizes: Sequence[int], longest: int) -> "pd.DataFrame":
    """Cache that holds no token: pages of several sizes, and one reservation a sequence (B.132)."""
    rows: list[dict[str, Any]] = []
    for size in (*sizes, longest):
        whole = size == longest
        rows.append(
            {
                "page": size,
                "pages": int(pages(lengths, size).sum()),
                "waste": 100 * (reserved_waste if whole else paged_waste)(lengths, size),
                "waste_expected": None if whole
                else 100 * float(expected_paged_waste(float(np.mean(lengths)), size)),
            }
        )  # fmt: skip
    return _frame(rows)


def _frame(rows: Any) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)
