"""Time of reducing gradients over workers (Eqs. B.46-B.51, B.97-B.103, Algorithm 12)."""

import numpy as np

from brnb.theory.units import Quantity, not_negative, positive, size_of


def gradient_bytes(parameters: Quantity, dtype: str) -> Quantity:
    """Bytes that an all-reduce sums over the workers, M sizeof (Eqs. B.46, B.49)."""
    not_negative("parameters", parameters=parameters)
    return parameters * size_of(dtype)


def ring_bytes(data: Quantity, workers: Quantity) -> Quantity:
    """Bytes that each worker sends in a ring all-reduce, 2 (P - 1) / P of the data."""
    not_negative("bytes", data=data)
    _count(workers=workers)
    return 2 * (workers - 1) / workers * data


def ring_latency(workers: Quantity, latency: Quantity) -> Quantity:
    """Seconds that 2 (P - 1) messages one after another wait (Eq. B.97)."""
    _count(workers=workers)
    not_negative("s", latency=latency)
    return 2 * (workers - 1) * latency


def ring_seconds(
    data: Quantity, workers: Quantity, bandwidth: Quantity, latency: Quantity = 0.0
) -> Quantity:
    """Seconds of a ring all-reduce (Eqs. B.47, B.98 and B.99, Algorithm 17).

    B.98 is named bandwidth; it is the time that bandwidth takes.

    Parameters
    ----------
    data
        Bytes to be summed.
    workers
        P.
    bandwidth
        Bytes/s of a link in one direction: half of NVLink's printed 900 GB/s.
    latency
        Seconds of a message.

    Examples
    --------
    >>> ring_seconds(700e9, 8, 25e9)  # Eq. B.50
    49.0
    """
    positive("bytes/s", bandwidth=bandwidth)
    return ring_latency(workers, latency) + ring_bytes(data, workers) / bandwidth


def step_seconds(flops: Quantity, workers: Quantity, peak: float, utilization: float) -> Quantity:
    """Seconds of a batch on P workers at a share of their peak (Eq. B.51).

    Its 120 s on eight A100 at 0.4 are 1.2e17 FLOP, 114 thousand tokens of GPT-3; GPT-3's batch of
    3.2 million takes 56 minutes there.
    """
    not_negative("FLOP", flops=flops)
    _count(workers=workers)
    positive("FLOP/s", peak=peak, utilization=utilization)
    return flops / (workers * peak * utilization)


def printed_hierarchical_seconds(
    data: Quantity, nodes: Quantity, gpus: Quantity, fast: float, slow: float,
    fast_latency: float = 0.0, slow_latency: float = 0.0,
) -> Quantity:  # fmt: skip
    """Eqs. B.100-B.103 as printed: all-reduce within, all-reduce between, broadcast within.

    Its broadcast takes (G - 1) M / (G beta): less than M / beta, which each receiver needs for M
    bytes, and that of an all-gather.
    """
    _levels(nodes, gpus, fast, slow, fast_latency, slow_latency)
    within = ring_seconds(data, gpus, fast, fast_latency)
    between = ring_seconds(data, nodes, slow, slow_latency)
    broadcast = (gpus - 1) * fast_latency + (gpus - 1) * data / (gpus * fast)
    return within + between + broadcast


def hierarchical_seconds(
    data: Quantity, nodes: Quantity, gpus: Quantity, fast: float, slow: float,
    fast_latency: float = 0.0, slow_latency: float = 0.0,
) -> Quantity:  # fmt: skip
    """Seconds of Algorithm 18 with a broadcast that can be, in small pieces along the ring.

    Parameters
    ----------
    data
        Bytes M.
    nodes, gpus
        N nodes of G GPUs each.
    fast, slow
        Bytes/s of a link within and between nodes.
    fast_latency, slow_latency
        Seconds of a message within and between nodes.
    """
    _levels(nodes, gpus, fast, slow, fast_latency, slow_latency)
    within = ring_seconds(data, gpus, fast, fast_latency)
    between = ring_seconds(data, nodes, slow, slow_latency)
    broadcast = np.where(np.asarray(gpus) > 1, (gpus - 1) * fast_latency + data / fast, 0.0)
    return within + between + broadcast


def two_level_seconds(
    data: Quantity, nodes: Quantity, gpus: Quantity, fast: float, slow: float,
    fast_latency: float = 0.0, slow_latency: float = 0.0,
) -> Quantity:  # fmt: skip
    """Seconds if every GPU reduces its own G-th between the nodes: what libraries do.

    Reduce-scatter within, all-reduce of M / G between (each GPU with a link of its own), all-gather
    within. With one link a node the middle term is that of Algorithm 18.
    """
    _levels(nodes, gpus, fast, slow, fast_latency, slow_latency)
    within = ring_seconds(data, gpus, fast, fast_latency)  # a reduce-scatter and an all-gather
    return within + ring_seconds(data / gpus, nodes, slow, slow_latency)


def _count(**values: Quantity) -> None:
    positive("workers", **values)


def _levels(
    nodes: Quantity, gpus: Quantity, fast: float, slow: float,
    fast_latency: float, slow_latency: float,
) -> None:  # fmt: skip
    _count(nodes=nodes, gpus=gpus)
    positive("bytes/s", fast=fast, slow=slow)
    not_negative("s", fast_latency=fast_latency, slow_latency=slow_latency)
