"""ZeRO against the numbers of its paper and tensors that are really cut."""

import pytest
import torch

from brnb.theory.zero import (
    cluster_bytes,
    gathered_bytes,
    printed_overhead,
    printed_zero1_bytes,
    sent_bytes,
    worker_bytes,
)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_bytes_of_tensors_really_cut(stage):
    parameters, workers = 24, 4
    parts = {"parameter": 1, "gradient": 1, "moments": 2}
    sharded = {0: (), 1: ("moments",), 2: ("moments", "gradient"), 3: tuple(parts)}[stage]
    kept = sum(
        torch.empty(count * parameters // (workers if name in sharded else 1)).nbytes
        for name, count in parts.items()
    )
    assert worker_bytes(parameters, workers, stage) == kept


@pytest.mark.parametrize(("stage", "gb"), [(0, 120.0), (3, 1.9)])
def test_the_papers_7_5_billion_on_64_gpus(stage, gb):
    # Rajbhandari et al. (2020), figure 1: 16 bytes a parameter as well
    assert worker_bytes(7.5e9, 64, stage) / 1e9 == pytest.approx(gb, abs=0.05)


def test_all_stages_are_one_worker_alone():
    assert {worker_bytes(1e9, 1, stage) for stage in (0, 1, 2, 3)} == {16e9}
    assert printed_zero1_bytes(1e9, 1) == 12e9  # B.88 contradicts B.87
    assert cluster_bytes(1e9, 8) == 8 * 16e9
    assert cluster_bytes(1e9, 8, 3) == 16e9


def test_traffic():
    # section 7 of the paper: 2M numbers up to stage 2, 3M in stage 3
    assert gathered_bytes(1e9, 8, "fp16") == 7 / 8 * 2e9
    plain, full = (sent_bytes(1e9, 8, stage, "fp16") for stage in (0, 3))
    assert full / plain == 1.5
    assert sent_bytes(1e9, 8, 2, "fp16") == plain
    assert printed_overhead(1e9) == 2


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="stage = 4: ZeRO has the stages"):
        worker_bytes(1, 1, 4)
    with pytest.raises(ValueError, match=r"workers = 0: .*\(workers\)"):
        worker_bytes(1, 0, 1)
