"""Pipeline parallelism: stages, bubble, micro-batches and their memory (Eqs. B.80-B.86)."""

from typing import Literal

import numpy as np

from brnb.theory.units import Quantity, not_negative, positive

PipelineSchedule = Literal["gpipe", "1f1b"]


def stage_layers(stage: int, layers: int, stages: int) -> range:
    """Layers of stage p, both from 1: floor((p - 1) L / P) + 1 to floor(p L / P) (Eq. B.80).

    Raises
    ------
    ValueError
        If there is no such stage, or there are fewer layers than stages.
    """
    if not 1 <= stage <= stages:
        raise ValueError(f"stage = {stage}: stages are numbered from 1 to {stages}")
    if layers < stages:
        raise ValueError(f"layers = {layers}: fewer than the {stages} stages")
    return range((stage - 1) * layers // stages + 1, stage * layers // stages + 1)


def pipeline_seconds(
    stages: Quantity, stage_seconds: Quantity, micro_batches: Quantity = 1
) -> Quantity:
    """Seconds of a batch, (M + P - 1) times a stage's of a micro-batch (Eq. B.81 for M = 1).

    Parameters
    ----------
    stages, micro_batches
        P and M.
    stage_seconds
        Of one micro-batch in one stage, all stages alike.
    """
    positive("stages and micro-batches", stages=stages, micro_batches=micro_batches)
    not_negative("s", stage_seconds=stage_seconds)
    return (micro_batches + stages - 1) * stage_seconds


def bubble_seconds(stages: Quantity, stage_seconds: Quantity) -> Quantity:
    """Seconds that each stage is idle in a batch, P - 1 of its own, whatever M (Eq. B.82)."""
    positive("stages", stages=stages)
    not_negative("s", stage_seconds=stage_seconds)
    return (stages - 1) * stage_seconds


def pipeline_efficiency(stages: Quantity, micro_batches: Quantity = 1) -> Quantity:
    """Share of time that stages compute, M / (M + P - 1); 1/P for M = 1 (Eqs. B.83, B.84).

    M much above P brings it near 1; a step has no more micro-batches than its batch has sequences.
    """
    positive("stages and micro-batches", stages=stages, micro_batches=micro_batches)
    return micro_batches / (micro_batches + stages - 1)


def stage_activations(
    stages: Quantity,
    micro_batches: Quantity,
    activation: Quantity,
    schedule: PipelineSchedule = "gpipe",
) -> Quantity:
    """Bytes of activations in the first stage at its peak (Eqs. B.85, B.86).

    Parameters
    ----------
    stages, micro_batches
        P and M.
    activation
        Bytes of a micro-batch in the whole model; a stage keeps a P-th.
    schedule
        Printed is GPipe's: all M forward passes first. One forward, one backward keeps at most P.
    """
    positive("stages and micro-batches", stages=stages, micro_batches=micro_batches)
    not_negative("bytes", activation=activation)
    alive = micro_batches if schedule == "gpipe" else np.minimum(micro_batches, stages)
    return alive * activation / stages
