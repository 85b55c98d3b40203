"""Chapter 22, doing with less: rank, bits, checkpoints, efficiency (C.2.3, C.2.4, 4.23-4.25)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from brnb.report.figures import figure
from brnb.report.labels import label
from brnb.report.tables import frame
from brnb.theory.compute import training_flops
from brnb.theory.decision import cost_efficiency, utility
from brnb.theory.lora import (
    adapter_parameters,
    compression_ratio,
    effective_rank,
    lora_parameters,
    merged_map,
    printed_rank_bound,
    rank_bound,
    reduction,
)
from brnb.theory.measured import MeasuredTraining
from brnb.theory.memory import MicroBatch, memory
from brnb.theory.shape import LLAMA_8B, Shape
from brnb.theory.tradeoffs import (
    allocate_bits,
    best_bits,
    best_checkpoints,
    checkpointed_memory,
    checkpointing_cost,
    printed_checkpointed_memory,
    printed_recomputation_overhead,
    quantisation_loss,
    recomputation_overhead,
    stored_memory,
)
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from brnb.studies.sweep import SweepTraining

Efficiency = tuple[str, float, float, float, float | None]  # see `tab_efficiency`
WIDTHS = (2, 3, 4, 6, 8, 16)  # bits
FROZEN_OVERHEAD = 1 / 2  # of a step that trains adapters: a forward and a backward pass
PARAMETER_KINDS = ("embedding", "attention", "feedforward")


def tab_lora(ranks: Sequence[int]) -> "pd.DataFrame":
    """Adapters of a map of 4096 x 4096 and of a Llama 3 8B (C.79-C.82, 4.7-4.9)."""
    rows = []
    for rank in ranks:
        trained = lora_parameters(LLAMA_8B, rank)
        rows.append(
            {
                "rank": rank,
                "adapter": adapter_parameters(4096, 4096, rank),
                "compression": compression_ratio(4096, 4096, rank),
                "trained_million": trained / 1e6,
                "reduction": reduction(LLAMA_8B.parameters, trained),
            }
        )
    return frame(rows)


def tab_rank(size: int, fractions: Sequence[float], seed: int) -> "pd.DataFrame":
    """Rank that holds a share of a map: C.83 as printed, turned round, and of three spectra.

    The maps are (size, size): one of even singular values, one of a power law, and one of noise
    with an adapter of rank 8 merged into it (C.78).
    """
    draw = np.random.default_rng(seed)
    left, right = (np.linalg.qr(draw.normal(size=(size, size)))[0] for _ in range(2))
    steep = np.arange(1, size + 1) ** -1.0
    noise = draw.normal(size=(size, size)) / 30
    adapted = merged_map(noise, draw.normal(size=(size, 8)), draw.normal(size=(8, size)))
    maps = {
        "rank_even": left @ right,
        "rank_steep": left @ np.diag(steep) @ right,
        "rank_adapted": adapted,
    }
    rows = [
        {
            "fraction": fraction,
            "rank_published": printed_rank_bound(size, fraction),
            "rank_bound": rank_bound(size, fraction),
            **{name: effective_rank(W, fraction) for name, W in maps.items()},
        }
        for fraction in fractions
    ]
    return frame(rows)


def rounding_errors(draws: int, seed: int) -> dict[int, float]:
    """Mean squared error of standard normal weights rounded to b bits, evenly over +-3 sigma."""
    weights = np.random.default_rng(seed).normal(size=draws)
    errors = {}
    for bits in WIDTHS:
        step = 6 / (2**bits - 1)
        rounded = np.clip(np.round((weights + 3) / step), 0, 2**bits - 1) * step - 3
        errors[bits] = float(((weights - rounded) ** 2).mean())
    return errors


def tab_bits(
    importance: Mapping[str, float], budgets: Sequence[float], seed: int
) -> "pd.DataFrame":
    """Bits of embeddings, attention and feed-forward maps of a Llama 3 8B (C.84-C.86).

    With three parts the multipliers of C.86 reach few allocations: `bits_used` may stay well below
    what is allowed, and the error then above that of even bits.

    Parameters
    ----------
    importance
        w of each of `PARAMETER_KINDS`, whose errors are those of `rounding_errors`.
    budgets
        Mean bits a parameter that are allowed.
    """
    errors, sizes = rounding_errors(100_000, seed), _sizes()
    total = sum(sizes.values())
    layers = [(importance[kind], size / total, errors) for kind, size in sizes.items()]
    weights = [weight for weight, _, _ in layers]
    rows = []
    for budget in budgets:
        bits = allocate_bits(layers, budget)
        even = max(width for width in WIDTHS if width <= budget)
        rows.append(
            {
                "bits_allowed": budget,
                **{f"kind_{kind}": b for kind, b in zip(sizes, bits, strict=True)},
                "bits_used": sum(b * size for b, (_, size, _) in zip(bits, layers, strict=True)),
                "error_allocated": quantisation_loss(weights, [errors[b] for b in bits]),
                "error_even": quantisation_loss(weights, [errors[even]] * len(layers)),
            }
        )
    return frame(rows)


def tab_bit_price(prices: Sequence[float], seed: int) -> "pd.DataFrame":
    """Bits of one layer as the price lambda of a bit rises (C.86)."""
    errors = rounding_errors(100_000, seed)
    rows = [{"multiplier": price, "bits": best_bits(1.0, 1.0, errors, price)} for price in prices]
    return frame(rows)


def _sizes() -> dict[str, float]:
    shape = LLAMA_8B
    count = {
        "embedding": shape.embedding_parameters + shape.head_parameters,
        "attention": shape.layers * sum(k * d for k, d in shape.attention_maps.values()),
        "feedforward": shape.layers * sum(k * d for k, d in shape.mlp_maps.values()),
    }
    return {kind: float(count[kind]) for kind in PARAMETER_KINDS}


class _Ran(NamedTuple):
    """A measured step of which everything is known."""

    program: str
    shape: Shape
    step: MicroBatch
    gib: float
    seconds: float

    @property
    def same(self) -> tuple[Any, ...]:
        """What two steps share that differ in recomputation alone."""
        return self.program, self.shape, self.step.method, self.step.batch


def tab_checkpointing(facts: Sequence[MeasuredTraining], lang: str) -> "pd.DataFrame":
    """Recomputing all layers against none, measured, counted and as C.88 and C.89 print it.

    Each row is a program and a step of brnb/thesis/measured.yaml that ran both ways. A frozen base
    has a forward and a backward pass of the same cost, so that a second forward pass adds a half
    and not a third.
    """
    rows = []
    for kept, again in _pairs(facts):
        activations = [memory(ran.shape, ran.step).activations for ran in (again, kept)]
        overhead = again.seconds / kept.seconds - 1
        rows.append(
            {
                "program": kept.program,
                "method": label(f"method_{kept.step.method}", lang),
                "batch": kept.step.batch,
                "gb_kept": kept.gib,
                "gb_recomputed_all": again.gib,
                "activations_counted": 100 * activations[0] / activations[1],
                "activations_printed": 100
                * printed_checkpointed_memory(kept.shape.layers, 1)
                / stored_memory(kept.shape.layers, 1),
                "overhead_measured": 100 * overhead,
                "overhead_frozen": 100 * FROZEN_OVERHEAD,
                "overhead_printed": 100 * printed_recomputation_overhead(kept.shape.layers),
            }
        )
    return frame(rows)


def _pairs(facts: Sequence[MeasuredTraining]) -> list[tuple[_Ran, _Ran]]:
    """Steps of one program, method and batch that ran without and with recomputation."""
    known = [
        _Ran(f.measured.program, f.shape, f.step, f.gib, f.measured.seconds)
        for f in facts
        if f.shape and f.step and f.gib
    ]
    kept = [ran for ran in known if ran.step.recomputed == 0]
    again = [ran for ran in known if ran.step.recomputed is None]
    return [(a, b) for a in kept for b in again if a.same == b.same]


def fig_checkpointing(lang: str) -> "Figure":
    """Memory and time against depth, as printed and right; and J of C.90 with its minimum.

    A layer keeps 20 times what its checkpoint does, which is near to a Transformer's with fused
    attention.
    """
    fig, (axis, aim) = figure(3.1, ncols=2)
    depth = range(1, 129)
    checkpoint, activation = 1.0, 20.0
    curves = {
        "memory_stored": [stored_memory(L, activation) for L in depth],
        "memory_checkpointed": [checkpointed_memory(L, activation, checkpoint) for L in depth],
        "memory_printed": [printed_checkpointed_memory(L, activation) for L in depth],
    }
    for name, values in curves.items():
        axis.plot(depth, values, label=label(name, lang))
    axis.set_yscale("log")
    axis.set_xlabel(label("layers", lang))
    axis.set_ylabel(label("memory_checkpoints", lang))
    axis.legend(fontsize="x-small")
    counts = np.linspace(1, 32, 120).tolist()
    for beta in (1.0, 4.0):
        best = best_checkpoints(1.0, 100.0, 1.0, beta)
        costs = [checkpointing_cost(k, 1.0, 100.0, 1.0, beta) for k in counts]
        line = aim.plot(counts, costs, label=f"β/α = {beta:g}")
        at = checkpointing_cost(best, 1.0, 100.0, 1.0, beta)
        aim.plot([best], [at], "o", color=line[0].get_color())
    aim.set_xlabel(label("checkpoints", lang))
    aim.set_ylabel("J")
    aim.legend(fontsize="x-small")
    return fig


def tab_overhead(depths: Sequence[int]) -> "pd.DataFrame":
    """Time that recomputing all layers adds, in percent of a step, and as C.89 prints it."""
    rows = [
        {
            "layers": L,
            "overhead_recomputed": 100 * recomputation_overhead(),
            "overhead_printed": 100 * printed_recomputation_overhead(L),
        }
        for L in depths
    ]
    return frame(rows)


def tab_utilities() -> "pd.DataFrame":
    """C.92-C.94 term by term: utility of full training and of LoRA, printed and right."""
    table = load("economics", "tab21")
    weights = {key: float(value) for key, value in table["weights"].items()}
    risks = {key: float(value) for key, value in table["risk_values"].items()}
    rows = []
    for row in table["rows"]:
        performance, cost, time = (float(row[key]) for key in ("performance", "cost", "time"))
        printed, risk = row["utility"], risks[row["risk"]]
        rows.append(
            {
                "strategy": row["strategy"],
                "utility_published": None if printed is None else float(printed),
                "utility_recomputed": utility(performance, cost, time, risk, weights),
            }
        )
    return frame(rows)


def efficiencies(trained: Sequence["SweepTraining"]) -> list[Efficiency]:
    """What `tab_efficiency` takes, of the sweep's trainings; a CPU has no price."""
    return [
        (
            f"{t.width} × {t.layers}",
            t.bits_per_byte,
            training_flops(t.non_embedding, t.history.tokens),
            t.history.tokens,
            None,
        )
        for t in trained
    ]


def tab_efficiency(runs: Sequence[Efficiency]) -> "pd.DataFrame":
    """Performance for each FLOP, token and USD of runs of ours (4.23-4.25).

    Parameters
    ----------
    runs
        Name, bits per byte, FLOP, tokens and USD (None without a price) of each. Performance is
        what a run saves of the 8 bits of a byte.
    """
    rows = []
    for name, bits, flops, tokens, usd in runs:
        saved = 8 - bits
        rows.append(
            {
                "run": name,
                "bits_saved": saved,
                "per_petaflop": cost_efficiency(saved, flops / 1e15),
                "per_million_tokens": cost_efficiency(saved, tokens / 1e6),
                "per_usd": cost_efficiency(saved, usd) if usd else None,
            }
        )
    return frame(rows)
