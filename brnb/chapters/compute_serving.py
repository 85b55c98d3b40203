"""Chapter 21: memory of caches, pages and padding, throughput and latency of answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.kv_cache import sequences_that_fit, shape_cache_bytes
from brnb.theory.paging import expected_paged_waste, paged_waste, pages, reserved_waste
from brnb.theory.serving import (
    ServingSchedule,
    busy_share,
    continuous_schedule,
    exponential_utilisation,
    mean_latency,
    padded_schedule,
    padding_utilisation,
    throughput,
)
from brnb.theory.shape import LLAMA_7B, LLAMA_8B, LLAMA_70B, Shape

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MHA: dict[str, Any] = {"gated": False, "tied": True, "bias": True, "norm_bias": True}
MODELS = {  # sizes of each model's published configuration
    "GPT-3 175B": Shape(vocab=50257, width=12288, layers=96, heads=96, kv_heads=96, head_dim=128,
                        hidden=49152, positions=2048, **MHA),
    "OPT-13B": Shape(vocab=50272, width=5120, layers=40, heads=40, kv_heads=40, head_dim=128,
                     hidden=20480, positions=2050, **MHA),
    "LLaMA-7B": LLAMA_7B,
    "Llama 3.1 8B": LLAMA_8B,
    "Qwen3 8B": Shape(vocab=151936, width=4096, layers=36, heads=32, kv_heads=8, head_dim=128,
                      hidden=12288, qk_norm=True),
    "Llama 3.1 70B": LLAMA_70B,
}  # fmt: skip


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
    for name, shape in MODELS.items():
        free = max(0.0, 1e9 * gpu_gb - 2 * shape.parameters)
        row: dict[str, Any] = {"model": name, "parameters_billion": shape.parameters / 1e9}
        row["kib_token"] = float(shape_cache_bytes(shape, 1, "fp16")) / 1024
        for dtype in ("fp16", "int8"):
            row[f"gb_{dtype}"] = float(shape_cache_bytes(shape, tokens, dtype)) / 1e9
        for dtype in ("fp16", "int8"):
            row[f"sequences_{dtype}"] = sequences_that_fit(shape, tokens, dtype, free)
        rows.append(row)
    return frame(rows)


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
        {"batching": label(name, lang), **_metrics(schedule, step_seconds)}
        for name, schedule in schedules.items()
    ]
    return frame(rows)


def _metrics(schedule: ServingSchedule, step_seconds: float) -> dict[str, Any]:
    seconds = schedule.steps * step_seconds
    ends = step_seconds * np.asarray(schedule.ends)
    busy = busy_share(schedule.tokens * step_seconds / schedule.slots, seconds)
    return {
        "steps": schedule.steps,
        "tokens_per_second": throughput(schedule.tokens, seconds, 1),
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
    return frame(rows)
