"""Rates that no machine misses by far, and bytes and FLOPs against PyTorch's own count."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from brnb.algorithms import roofline
from brnb.algorithms.roofline import (
    WARM_UP,
    Operation,
    basic_operations,
    best_seconds,
    copy_rate,
    elementwise,
    matrix_rate,
    square_product,
    timed,
)

CPU = torch.device("cpu")


def test_the_shortest_time_counts(monkeypatch):
    times, waits = [0.0], iter([9.0] * WARM_UP + [0.03, 0.01, 0.02, 0.001])
    monkeypatch.setattr(roofline, "time", SimpleNamespace(perf_counter=lambda: times[-1]))
    called = best_seconds(lambda: times.append(times[-1] + next(waits)), CPU, 0.05)
    assert called == pytest.approx(0.01)  # after three calls, of 0.06 s, the budget is spent


def test_rates_have_the_size_of_a_machine():
    assert 1e8 < copy_rate(CPU, 8, 0.02) < 1e13
    assert 1e8 < matrix_rate(CPU, "fp32", 128, 0.02) < 1e16


def test_products_are_counted_as_pytorch_counts_them():
    for operation in basic_operations([16, 32], "fp32", CPU):
        with FlopCounterMode(display=False) as counter:
            operation.call()
        if operation.name != "sum_of_matrices":  # no product: PyTorch does not count it
            expected = counter.get_total_flops() or 2 * 32 * 32
            assert operation.flops == expected, operation.name


def test_bytes_are_those_of_the_tensors():
    a = torch.ones(4, 8, dtype=torch.bfloat16)
    operation = elementwise("x", 2.0, (a, a, a), lambda: a)
    assert (operation.flops, operation.traffic) == (2 * 32, 3 * 64)
    assert square_product(8, "bf16", CPU).traffic == 3 * 8 * 8 * 2


def test_a_timed_operation_has_its_place_on_the_roofline():
    found = timed(Operation("x", 100.0, 50.0, lambda: None), CPU, 0.0)
    assert found.intensity == 2
    assert found.rate == pytest.approx(100 / found.seconds)
