"""The clock of a training."""

import pytest
import torch

from brnb.train import device
from brnb.train.device import Stopwatch, pick_precision


def test_laps_follow_each_other_without_a_gap(monkeypatch):
    times = iter([100.0, 103.0, 110.5])
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(times))
    clock = Stopwatch(torch.device("cpu"))
    assert [clock.lap(), clock.lap()] == [3.0, 7.5]
    assert clock.last == 110.5


def test_fp8_is_for_gpus_that_have_it_and_emulated_on_cpus(monkeypatch):
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    with pytest.raises(ValueError, match=r"8\.9 .* NVIDIA A100 has 8\.0: take \"auto\""):
        pick_precision("fp8", gpu)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert pick_precision("fp8", gpu) == pick_precision("fp8", torch.device("cpu")) == "fp8"
