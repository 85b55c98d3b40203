"""The clock of a training."""

import torch

from brnb.train import device
from brnb.train.device import Stopwatch


def test_laps_follow_each_other_without_a_gap(monkeypatch):
    times = iter([100.0, 103.0, 110.5])
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(times))
    clock = Stopwatch(torch.device("cpu"))
    assert [clock.lap(), clock.lap()] == [3.0, 7.5]
    assert clock.last == 110.5
