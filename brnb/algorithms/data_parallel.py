"""Algorithm 13: data parallelism, where workers wait for each other and where they do not."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from brnb.algorithms.collectives import ring_all_reduce
from brnb.algorithms.processes import Wire

Gradient = Callable[[Tensor], Tensor]


def synchronous_sgd(
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
    loss: Callable[[nn.Module, Tensor, Tensor], Tensor],
    learning_rate: float,
    wire: Wire,
) -> None:
    """Train on every batch together with the other processes (Algorithm 13, Eq. B.59-B.61).

    Parameters
    ----------
    model
        The same in every process, before and after.
    batches
        Inputs and targets of whole batches, of which each process takes every P-th row; the number
        of rows is a multiple of P.
    loss
        Mean over rows.
    """
    weights = list(model.parameters())
    for x, y in batches:
        mine = slice(wire.rank, None, wire.size)
        gradients = torch.autograd.grad(loss(model, x[mine], y[mine]), weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            mean = ring_all_reduce(gradient, wire) / wire.size
            weight.data -= learning_rate * mean


def delayed_sgd(
    gradient: Gradient, start: Tensor, learning_rate: float, staleness: int, steps: int
) -> list[Tensor]:
    """Asynchronous SGD as a parameter server sees it: gradients `staleness` updates old (B.66).

    Returns
    -------
    list of Tensor
        Weights before every step and after the last; gradients of the first steps are of `start`.
    """
    path = [start]
    for t in range(steps):
        path.append(path[-1] - learning_rate * gradient(path[max(t - staleness, 0)]))
    return path


def parameter_server(
    weights: Tensor, learning_rate: float, updates: int, wire: Wire
) -> tuple[Tensor, list[int]]:
    """The parameter server, rank 0 (Eq. B.63-B.66): update by every gradient as it comes.

    Parameters
    ----------
    updates
        How many gradients are taken; the last one of every worker is not.

    Returns
    -------
    weights, staleness
        Weights at the end; and of every gradient, how many updates had been made since its worker
        pulled the weights.
    """
    message = torch.empty(weights.numel() + 1, dtype=weights.dtype)
    staleness: list[int] = []
    for version in range(updates + wire.size - 1):
        worker = dist.recv(message)
        if version < updates:
            weights = weights - learning_rate * message[1:]
            staleness.append(version - int(message[0]))
        tag = version + 1 if version < updates else -1  # every worker is told once that it is over
        wire.send(torch.cat((weights.new_tensor([tag]), weights)), worker).wait()
    return weights, staleness


def push_and_pull(gradient: Gradient, weights: Tensor, wire: Wire) -> int:
    """A worker: a gradient of the weights that it has, until the server says that it is over.

    Returns
    -------
    int
        How many gradients it sent.
    """
    version, sent = 0.0, 0
    while version >= 0:
        wire.send(torch.cat((weights.new_tensor([version]), gradient(weights))), 0).wait()
        pulled = wire.receive(weights.new_empty(weights.numel() + 1), 0)
        version, weights, sent = pulled[0].item(), pulled[1:], sent + 1
    return sent


def train_asynchronously(
    gradient: Gradient, start: Tensor, learning_rate: float, updates: int, wire: Wire
) -> Any:
    """The server's result in rank 0, and in every worker how many gradients it sent."""
    if wire.rank == 0:
        return parameter_server(start, learning_rate, updates, wire)
    return push_and_pull(gradient, start, wire)
