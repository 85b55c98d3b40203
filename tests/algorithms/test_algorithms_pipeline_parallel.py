"""Algorithm 14: gradients against one process, the schedule against its formulas."""

import pytest
import torch
from four_processes import MICRO_BATCHES, SIZE, batches, layers, mean_square
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from brnb.algorithms.pipeline_parallel import gpipe_schedule, schedule_utilisation


def test_four_stages_have_the_gradients_of_one_model(four):
    parts = layers()
    mean_square(nn.Sequential(*parts), *batches()[0]).backward()
    for found, part in zip(four, parts, strict=True):
        for gradient, weight in zip(found["pipeline"][0], part.parameters(), strict=True):
            torch.testing.assert_close(gradient, weight.grad)


def test_stages_did_what_the_schedule_says(four):
    for rank, found in enumerate(four):
        assert found["pipeline"][1] == [
            work for work in gpipe_schedule(SIZE, 8) if work.stage == rank
        ]


@pytest.mark.parametrize("micro_batches", MICRO_BATCHES)
def test_four_processes_wait_for_the_bubble_and_for_nothing_else(micro_batches, four):
    """Of 2 (M + P - 1) ticks 2 M are work, Eq. B.84; the first stage is the last to be done."""
    ticks = [found["ticks"][micro_batches] for found in four]
    assert max(ticks) == ticks[0] == 2 * (micro_batches + SIZE - 1)


@given(st.integers(1, 9), st.integers(1, 20))
def test_a_schedule_respects_what_depends_on_what(stages, micro_batches):
    plan = gpipe_schedule(stages, micro_batches)
    at = {(work.stage, work.micro_batch, work.forward): work.slot for work in plan}
    assert len(at) == len({(work.stage, work.slot) for work in plan}) == 2 * stages * micro_batches
    for (stage, micro_batch, forward), slot in at.items():
        before = (stage - 1 if forward else stage + 1, micro_batch, forward)
        assert at.get(before, -1) < slot
        if not forward:
            assert at[stage, micro_batch, True] < slot


@pytest.mark.parametrize(("P", "M", "printed"), [(4, 1, 1 / 4), (4, 8, 8 / 11), (8, 32, 32 / 39)])
def test_the_bubble_is_eq_b84s(P, M, printed):
    """M / (M + P - 1); for one micro-batch 1 / P, Eq. B.83."""
    assert schedule_utilisation(gpipe_schedule(P, M)) == pytest.approx(printed)
