"""Algorithms 12, 17 and 18: how long an all-reduce takes, and two that count what they send."""

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.algorithms.processes import Wire


def communication_efficiency(
    parameters: float, workers: int, bandwidth: float, compute_seconds: float
) -> float:
    """Share of a step that is spent computing, where gradients travel at once (Algorithm 12).

    Parameters
    ----------
    parameters
        M, whose gradients are sent with 4 bytes each.
    workers
        P.
    bandwidth
        Bytes/s of a worker's link.
    compute_seconds
        C; communication hides behind it completely.

    Raises
    ------
    ValueError
        If one of them is not positive.
    """
    given = {"parameters": parameters, "workers": workers, "bandwidth": bandwidth}
    for name, value in (given | {"compute_seconds": compute_seconds}).items():
        if value <= 0:
            unit = {"bandwidth": " bytes/s", "compute_seconds": " s"}.get(name, "")
            raise ValueError(f"{name} = {value}{unit}: it has to be positive")
    communication = 2 * parameters * 4 * (workers - 1) / (workers * bandwidth)
    return compute_seconds / max(compute_seconds, communication)


def ring_reduce_scatter(x: Tensor, wire: Wire) -> Tensor:
    """This process's part, the rank-th of P, of the sum of all processes' vectors.

    The first phase of Algorithm 17: P - 1 messages of 1/P of the vector, which is padded with
    zeros to a multiple of P.
    """
    parts = list(_padded(x.flatten(), wire.size).chunk(wire.size))
    for i in range(1, wire.size):
        came = wire.pass_on(parts[(wire.rank - i) % wire.size])
        at = (wire.rank - i - 1) % wire.size
        parts[at] = parts[at] + came
    return parts[wire.rank].clone()


def ring_all_gather(part: Tensor, wire: Wire) -> Tensor:
    """The parts of all processes, one after the other: the second phase of Algorithm 17."""
    parts = [part] * wire.size
    for i in range(1, wire.size):
        came = wire.pass_on(parts[(wire.rank - i + 1) % wire.size])
        parts[(wire.rank - i) % wire.size] = came
    return torch.cat(parts)


def ring_all_reduce(x: Tensor, wire: Wire) -> Tensor:
    """The sum of all processes' tensors, in a ring (Algorithm 17).

    Each process sends 2 (P - 1) messages of 1/P of the tensor (Eq. B.97-B.98), whatever P.
    """
    return ring_all_gather(ring_reduce_scatter(x, wire), wire)[: x.numel()].view(x.shape)


def hierarchical_all_reduce(x: Tensor, node: Wire, leaders: Wire | None) -> Tensor:
    """The sum of all processes' tensors, so that nodes exchange it once (Algorithm 18).

    Parameters
    ----------
    x
        This process's tensor.
    node
        The processes of this node, its leader first.
    leaders
        The first processes of all nodes; None in a process that is not one of them.
    """
    total = ring_all_reduce(x, node)
    if leaders is not None:
        total = ring_all_reduce(total, leaders)
    return broadcast(total, node)


def broadcast(x: Tensor, wire: Wire) -> Tensor:
    """The first process's tensor: it deals out the parts, and all gather them in a ring.

    The first sends 2 (P - 1)/P of the tensor and the others half of that; Eq. B.103 counts half.
    """
    parts = _padded(x.flatten(), wire.size).chunk(wire.size)
    if wire.rank == 0:
        for work in [wire.send(part, to) for to, part in enumerate(parts) if to]:
            work.wait()
        part = parts[0]
    else:
        part = wire.receive(parts[0], 0)
    return ring_all_gather(part, wire)[: x.numel()].view(x.shape)


def _padded(x: Tensor, parts: int) -> Tensor:
    return F.pad(x, (0, -len(x) % parts))
