"""Chapter 21: many accelerators, by curves: links, rings, bubbles, ZeRO, stale gradients."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brnb.report.figures import figure
from brnb.report.labels import format_number, label
from brnb.report.tables import frame
from brnb.theory import collectives, data_parallel, tensor_parallel
from brnb.theory.pipelining import (
    bubble_seconds,
    pipeline_efficiency,
    pipeline_seconds,
    stage_activations,
    stage_layers,
)
from brnb.theory.scaling_efficiency import amdahl_speedup, strong_efficiency, weak_efficiency
from brnb.theory.units import bytes_per_second
from brnb.theory.zero import Stage, cluster_bytes, gathered_bytes, sent_bytes, worker_bytes
from brnb.thesis import load

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FAST, SLOW = bytes_per_second("450 GB/s"), bytes_per_second("200 Gb/s")  # NVLink 4, HDR: one way
FAST_LATENCY, SLOW_LATENCY = 1e-6, 0.6e-6  # seconds, Table 18
GPUS = 8  # of a node
STAGES: tuple[Stage, ...] = (0, 1, 2, 3)


def tab18(parameters: float, workers: int) -> "pd.DataFrame":
    """Table 18 with every rate in bytes/s of one direction, and an all-reduce of gradients on it.

    Parameters
    ----------
    parameters : float
        Of the model whose bf16 gradients are reduced in a ring.
    workers : int
        P.
    """
    data = collectives.gradient_bytes(parameters, "bf16")
    rows = []
    for row in load("infrastructure", "tab18", "rows"):
        rate = bytes_per_second(row["rate"]) / row["directions"]
        rows.append(
            {
                "link": row["name"],
                "bandwidth_published": row["printed"][0],
                "latency_published": row["printed"][1],
                "one_way_gb_s": rate / 1e9,
                "one_way_gbit_s": 8 * rate / 1e9,
                "allreduce_seconds": float(collectives.ring_seconds(data, workers, rate)),
            }
        )
    return frame(rows)


def tab19(lang: str, workers: int = 8, tokens: int = 8192) -> "pd.DataFrame":
    """Table 19 as printed, and numbers of a Llama 2 7B (32 layers, d = 4096) in bf16 instead.

    Memory is that of states (16 bytes a parameter); traffic what a worker sends in a step on
    `tokens` tokens: gradients; four all-reduces a layer; activations and their gradients at a
    boundary.
    """
    parameters, layers, width = 6.74e9, 32, 4096
    whole = 16 * parameters
    traffic = {
        "data": sent_bytes(parameters, workers, 0, "bf16"),
        "tensor": 4 * layers * tensor_parallel.reduced_bytes(tokens, width, workers, "bf16"),
        "pipeline": 2 * tokens * width * 2.0,
    }
    rows = []
    for row in load("infrastructure", "tab19", "rows"):
        name, (memory, communication, efficiency) = row["strategy"], row["printed"]
        rows.append(
            {
                "strategy": label(f"parallel_{name}", lang),
                "memory_published": memory,
                "communication_published": communication,
                "efficiency_published": efficiency,
                "memory_gb": (whole if name == "data" else whole / workers) / 1e9,
                "sent_gb": float(traffic[name]) / 1e9,
            }
        )
    return frame(rows)


def fig_allreduce(parameters: float, nodes: Sequence[int], lang: str) -> "Figure":
    """Seconds of reducing bf16 gradients against nodes of eight GPUs: one ring or two levels."""
    fig, axis = figure(3.4)
    data = float(collectives.gradient_bytes(parameters, "bf16"))
    counts = np.asarray(nodes, dtype=float)
    levels = (FAST, SLOW, FAST_LATENCY, SLOW_LATENCY)
    curves = {
        "flat_ring": collectives.ring_seconds(data, GPUS * counts, SLOW, SLOW_LATENCY),
        "hierarchical_published": collectives.printed_hierarchical_seconds(
            data, counts, GPUS, *levels
        ),
        "hierarchical": collectives.hierarchical_seconds(data, counts, GPUS, *levels),
        "two_levels": collectives.two_level_seconds(data, counts, GPUS, *levels),
    }
    for name, style in zip(curves, ("-", "--", "-", "-"), strict=True):
        axis.plot(counts, np.asarray(curves[name]), style, label=label(name, lang))
    axis.set_xscale("log", base=2)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(label("nodes_of_eight", lang))
    axis.set_ylabel(label("seconds_allreduce", lang))
    axis.legend()
    return fig


def latency_share(data: float, workers: int) -> float:
    """Share of a ring's time on slow links that is latency, not bytes (Eqs. B.97-B.99)."""
    waiting = collectives.ring_latency(workers, SLOW_LATENCY)
    return float(waiting / collectives.ring_seconds(data, workers, SLOW, SLOW_LATENCY))


def tab_pipeline(layers: int, stages: Sequence[int], micro_batches: int) -> "pd.DataFrame":
    """Stages, time in stage-steps, bubble, efficiency and activations kept (Eqs. B.80-B.86)."""
    rows = []
    for count in stages:
        first = stage_layers(1, layers, count)
        gpipe, alternating = (float(stage_activations(count, micro_batches, 1.0, schedule))
                              for schedule in ("gpipe", "1f1b"))  # fmt: skip
        rows.append(
            {
                "stages": count,
                "layers_per_stage": len(first),
                "steps": float(pipeline_seconds(count, 1.0, micro_batches)),
                "bubble_steps": float(bubble_seconds(count, 1.0)),
                "pipeline_efficiency": 100 * float(pipeline_efficiency(count, micro_batches)),
                "without_micro_batches": 100 * float(pipeline_efficiency(count)),
                "activations_gpipe": gpipe,
                "activations_1f1b": alternating,
            }
        )
    return frame(rows)


def tab_zero(parameters: float, workers: int, lang: str) -> "pd.DataFrame":
    """ZeRO's stages: bytes on a worker and on all, and what each sends in a step."""
    passes = gathered_bytes(parameters, workers, "fp16")
    rows = []
    for stage in STAGES:
        sent = sent_bytes(parameters, workers, stage, "fp16")
        rows.append(
            {
                "zero_stage": label("without_zero", lang) if stage == 0 else f"ZeRO-{stage}",
                "worker_gb": float(worker_bytes(parameters, workers, stage)) / 1e9,
                "cluster_gb": float(cluster_bytes(parameters, workers, stage)) / 1e9,
                "passes": round(float(sent / passes)),
                "sent_gb": float(sent) / 1e9,
            }
        )
    return frame(rows)


def fig_staleness(delays: Sequence[int], lang: str) -> "Figure":
    """Learning rate that stale gradients bear: the text's bound, the exact limit, simulation."""
    fig, axis = figure(3.2)
    tau = np.asarray(delays, dtype=float)
    exact = [data_parallel.stale_limit(1.0, int(delay)) for delay in delays]
    axis.plot(tau, exact, "-", label=label("limit_exact", lang))
    axis.plot(tau, data_parallel.stale_rate(1.0, tau), "--", label=label("limit_published", lang))
    axis.plot(tau, [simulated_limit(int(delay)) for delay in delays], "o", color="black",
              markerfacecolor="none", label=label("limit_simulated", lang))  # fmt: skip
    axis.set_xlabel(label("staleness", lang))
    axis.set_ylabel(label("largest_rate", lang))
    axis.set_ylim(bottom=0)
    axis.legend()
    return fig


def simulated_limit(staleness: int, steps: int = 200) -> float:
    """Largest rate at which asynchronous SGD on x^2 / 2 still shrinks, found by bisection."""
    low, high = 0.0, 2.5
    for _ in range(12):
        rate = (low + high) / 2
        path = data_parallel.asynchronous_sgd(lambda x: x, np.ones(1), rate, staleness, steps)
        early, late = (np.abs(part).max() for part in np.split(path[1:], 2))
        low, high = (rate, high) if late < early else (low, rate)
    return low


def fig_scaling_workers(step_seconds: float, parameters: float, lang: str) -> "Figure":
    """Speed-up against workers: Amdahl's shares, and data parallelism with its ring hidden or not.

    A step of one worker takes `step_seconds` for the whole batch; P workers share it, and reduce
    bf16 gradients over slow links.
    """
    fig, axis = figure(3.4)
    workers = _powers_of_two(10)
    for serial in (0.1, 0.2):
        name = f"Amdahl, f = {format_number(serial, lang)}"
        axis.loglog(workers, amdahl_speedup(serial, workers), "--", label=name)
    compute = step_seconds / workers
    data = collectives.gradient_bytes(parameters, "bf16")
    ring = np.asarray(collectives.ring_seconds(data, workers, SLOW, SLOW_LATENCY))
    steps = {"ring_hidden": np.maximum(compute, ring), "ring_exposed": compute + ring}
    for name, together in steps.items():
        speedup = workers * strong_efficiency(step_seconds, together, workers)
        axis.loglog(workers, speedup, label=label(name, lang))
    axis.loglog(workers, workers, color="0.7", linewidth=0.8)
    axis.set_xlabel(label("workers", lang))
    axis.set_ylabel(label("speedup_times", lang))
    axis.legend()
    return fig


def weak_scaling(step_seconds: float, parameters: float, workers: int) -> float:
    """Efficiency if each of P workers has as much as one alone, its ring exposed (Eq. B.105)."""
    data = collectives.gradient_bytes(parameters, "bf16")
    ring = collectives.ring_seconds(data, workers, SLOW, SLOW_LATENCY)
    return float(weak_efficiency(step_seconds, step_seconds + ring))


def _powers_of_two(last: int) -> NDArray[np.float64]:
    return np.asarray([2.0**i for i in range(last + 1)])
