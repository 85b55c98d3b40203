"""ZeRO: what P workers need not keep P times, and what it sends (Eqs. B.87-B.93).

All in fp32 as in the text: parameter, gradient and Adam's two moments, 4 bytes each. Mixed
precision of the paper (Rajbhandari et al., 2020) also has 16 bytes: 2, 2 and 12.
"""

from typing import Literal

from brnb.theory.units import Quantity, not_negative, positive, size_of

Stage = Literal[0, 1, 2, 3]
PARAMETER, GRADIENT, OPTIMIZER = 4, 4, 8  # bytes
SHARDED = {0: (), 1: (OPTIMIZER,), 2: (OPTIMIZER, GRADIENT), 3: (OPTIMIZER, GRADIENT, PARAMETER)}


def worker_bytes(parameters: Quantity, workers: Quantity, stage: Stage) -> Quantity:
    """Bytes of states on each worker (Eqs. B.87-B.90; stage 0 is plain data parallelism).

    Stage 1 shards the optimizer's states, 2 also gradients, 3 also parameters. B.88 leaves out the
    gradients of stage 1; see `printed_zero1_bytes`.

    Raises
    ------
    ValueError
        If there is no such stage.
    """
    if stage not in SHARDED:
        raise ValueError(f"stage = {stage}: ZeRO has the stages 0 (none), 1, 2 and 3")
    not_negative("parameters", parameters=parameters)
    positive("workers", workers=workers)
    sharded = sum(SHARDED[stage])
    whole = PARAMETER + GRADIENT + OPTIMIZER - sharded
    return parameters * whole + parameters * sharded / workers


def cluster_bytes(parameters: Quantity, workers: Quantity, stage: Stage = 0) -> Quantity:
    """Bytes of states on all workers, 16 PM without sharding (Eq. B.87)."""
    return workers * worker_bytes(parameters, workers, stage)


def printed_zero1_bytes(parameters: Quantity, workers: Quantity) -> Quantity:
    """4M + 8M/P, as Eq. B.88 prints it: without gradients, 12M on one worker instead of 16M."""
    not_negative("parameters", parameters=parameters)
    positive("workers", workers=workers)
    return 4 * parameters + 8 * parameters / workers


def gathered_bytes(parameters: Quantity, workers: Quantity, dtype: str) -> Quantity:
    """Bytes that each worker sends in an all-gather or a reduce-scatter, (P - 1) / P of M numbers.

    B.91 and B.92 print 2M for each: 2M bytes are one pass in 16 bits, 2M numbers are two passes.
    """
    not_negative("parameters", parameters=parameters)
    positive("workers", workers=workers)
    return (workers - 1) / workers * parameters * size_of(dtype)


def sent_bytes(parameters: Quantity, workers: Quantity, stage: Stage, dtype: str) -> Quantity:
    """Bytes that each worker sends in a step (cf. Eqs. B.91-B.93).

    A reduce-scatter and an all-gather up to stage 2, as plain data parallelism; stage 3 gathers
    parameters twice, forward and backward: three passes, 1.5 times as much (Rajbhandari et al.,
    2020, section 7). The text finds twice; see `printed_overhead`.
    """
    if stage not in SHARDED:
        raise ValueError(f"stage = {stage}: ZeRO has the stages 0 (none), 1, 2 and 3")
    return (3 if stage == 3 else 2) * gathered_bytes(parameters, workers, dtype)


def printed_overhead(parameters: float) -> float:
    """Traffic of ZeRO-3 over plain data parallelism as printed, 4M over 2M (Eqs. B.91-B.93).

    It counts two reduce-scatters where Algorithm 15 has one: 3M over 2M.
    """
    positive("parameters", parameters=parameters)
    gathered, scattered, plain = 2 * parameters, 2 * parameters, 2 * parameters
    return (gathered + scattered) / plain
