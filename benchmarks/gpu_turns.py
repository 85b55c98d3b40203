"""Time of calls on a GPU that are made in turns, so that what heats or slows it meets all alike."""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch


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
