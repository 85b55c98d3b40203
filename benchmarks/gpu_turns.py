"""Time of calls on a GPU: in turns, so that what heats or slows it meets all; and by kernel."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import torch

KINDS = {  # of kernels, by what their names hold; the first that fits
    "attention": ("flash", "attend", "attention", "fmha"),
    "products": ("nvjet", "gemm", "cutlass", "xmma", "splitk", "split_k"),
    "compiled": ("triton_",),
}


def median_milliseconds(
    calls: Mapping[str, Callable[[], Any]], rounds: int, repeats: int
) -> dict[str, float]:
    """Median milliseconds of each over some rounds, in each of which it is repeated."""
    for call in calls.values():
        for _ in range(3):
            call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            first.record()
            for _ in range(repeats):
                call()
            last.record()
            last.synchronize()
            times[name].append(first.elapsed_time(last) / repeats)
    return {name: statistics.median(each) for name, each in times.items()}


def milliseconds_by_kind(work: Callable[[], Any], repeats: int = 1) -> dict[str, float]:
    """Time of a call's kernels, by `KINDS`, each call's mean over some repeats."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(repeats):
            work()
        torch.cuda.synchronize()
    total = Counter[str]()
    for event in profile.key_averages():
        name = event.key.lower()
        kind = next((k for k, parts in KINDS.items() if any(p in name for p in parts)), "others")
        total[kind] += event.self_device_time_total / 1000 / repeats
    return {kind: round(value, 2) for kind, value in total.items()}
