"""Pipelines against a schedule that is played step by step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory.pipelining import (
    bubble_seconds,
    pipeline_efficiency,
    pipeline_seconds,
    stage_activations,
    stage_layers,
)


def played(stages, micro_batches):
    """Steps until every stage has done every micro-batch, each after the stage before it."""
    done = [0] * stages
    steps = 0
    while done[-1] < micro_batches:
        ready = [s for s in range(stages)
                 if done[s] < (micro_batches if s == 0 else done[s - 1])]  # fmt: skip
        for stage in ready:
            done[stage] += 1
        steps += 1
    return steps


@given(st.integers(1, 12), st.integers(1, 20))
def test_time_and_efficiency_of_a_played_pipeline(stages, micro_batches):
    steps = played(stages, micro_batches)
    assert pipeline_seconds(stages, 1.0, micro_batches) == steps
    assert pipeline_efficiency(stages, micro_batches) == pytest.approx(micro_batches / steps)
    assert bubble_seconds(stages, 1.0) == steps - micro_batches


@given(st.integers(1, 40), st.data())
def test_stages_cover_all_layers_once(stages, data):
    layers = data.draw(st.integers(stages, 200))
    parts = [stage_layers(p, layers, stages) for p in range(1, stages + 1)]
    assert [layer for part in parts for layer in part] == list(range(1, layers + 1))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_without_micro_batches_one_stage_works_at_a_time():
    assert pipeline_efficiency(8) == 1 / 8
    assert pipeline_seconds(8, 0.5) == 4
    # Narayanan et al. (2021): the bubble is (P - 1) / M of the ideal time
    assert 1 / pipeline_efficiency(8, 32) - 1 == pytest.approx(7 / 32)


def test_activations_of_both_schedules():
    assert stage_activations(4, 16, 8e9) == 32e9
    assert stage_activations(4, 16, 8e9, "1f1b") == 8e9
    assert stage_activations(4, 2, 8e9, "1f1b") == stage_activations(4, 2, 8e9)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="stage = 5: stages are numbered from 1 to 4"):
        stage_layers(5, 8, 4)
    with pytest.raises(ValueError, match="layers = 2: fewer than the 4 stages"):
        stage_layers(1, 2, 4)
    with pytest.raises(ValueError, match="micro_batches = 0"):
        pipeline_efficiency(4, 0)
