"""Bits against error, memory against time (C.2.3.2 and C.2.3.3, Eqs. C.84-C.91)."""

from collections.abc import Mapping, Sequence
from math import sqrt

from brnb.theory.units import not_negative, positive

FORWARD_SHARE = 1 / 3  # of a training step: the backward pass costs two forward passes


def quantisation_loss(weights: Sequence[float], errors: Sequence[float]) -> float:
    """Weighted sum of the layers' mean squared errors (Eq. C.84)."""
    return sum(w * error for w, error in zip(weights, errors, strict=True))


def best_bits(weight: float, size: float, errors: Mapping[int, float], multiplier: float) -> int:
    """Bits of one layer that minimise w MSE(b) + lambda s b (Eq. C.86); the fewer of equal ones.

    Parameters
    ----------
    weight, size
        Importance w and number of parameters s of the layer.
    errors
        MSE(b) for each width b that is possible.
    multiplier
        lambda, the price of a bit.
    """
    return min(sorted(errors), key=lambda b: weight * errors[b] + multiplier * size * b)


def allocate_bits(
    layers: Sequence[tuple[float, float, Mapping[int, float]]], budget: float
) -> list[int]:
    """Bits of every layer under a budget of bits, by Lagrange multipliers (Eqs. C.84-C.86).

    Bisects for the smallest lambda whose choice fits. Choices between those of two neighbouring
    multipliers stay out of its reach, as in any Lagrangian relaxation.

    Parameters
    ----------
    layers
        As in `best_bits`.
    budget
        B_total, at most this sum of bits times size.

    Raises
    ------
    ValueError
        If even the fewest bits exceed the budget.
    """

    def choice(multiplier: float) -> list[int]:
        return [best_bits(w, size, errors, multiplier) for w, size, errors in layers]

    def fits(bits: Sequence[int]) -> bool:
        return sum(b * size for b, (_, size, _) in zip(bits, layers, strict=True)) <= budget

    if not fits([min(errors) for _, _, errors in layers]):
        raise ValueError(f"even the fewest bits need more than the budget of {budget} bits")
    low, high = 0.0, 1.0
    if fits(choice(low)):
        return choice(low)
    while not fits(choice(high)):
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(choice(middle)) else (middle, high)
    return choice(high)


def stored_memory(layers: int, activation: float) -> float:
    """Bytes kept without recomputation, L times a layer's (Eq. C.87)."""
    not_negative("layers", layers=layers)
    not_negative("bytes", activation=activation)
    return layers * activation


def checkpointed_memory(layers: int, activation: float, checkpoint: float) -> float:
    """Bytes kept with sqrt(L) checkpoints (Chen et al., 2016).

    sqrt(L) checkpoints of `checkpoint` bytes, and the sqrt(L) layers of the segment that is being
    recomputed. Eq. C.88 prints sqrt(L) M_activation, which leaves one of the two out.
    """
    not_negative("layers", layers=layers)
    not_negative("bytes", activation=activation, checkpoint=checkpoint)
    return sqrt(layers) * (checkpoint + activation)


def printed_checkpointed_memory(layers: int, activation: float) -> float:
    """sqrt(L) M_activation, as C.88 prints it: checkpoints or the segment, but not both."""
    not_negative("layers", layers=layers)
    not_negative("bytes", activation=activation)
    return sqrt(layers) * activation


def recomputation_overhead(share: float = 1.0) -> float:
    """Additional time of a step, of its time without, when a `share` of layers runs twice.

    Recomputing every layer costs one more forward pass, a third of the step. Eq. C.89 prints
    1 / sqrt(L), as if only the layers with checkpoints ran twice.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share = {share}: it must be between 0 and 1")
    return share * FORWARD_SHARE


def printed_recomputation_overhead(layers: int) -> float:
    """1 / sqrt(L), as C.89 prints it: less and less for deeper models, where it is a third."""
    positive("layers", layers=layers)
    return 1 / sqrt(layers)


def checkpointing_cost(
    checkpoints: float, activation: float, forward: float, alpha: float, beta: float
) -> float:
    """J = alpha memory + beta time with k checkpoints (Eq. C.90).

    The memory is k M, the time T / k: the model whose minimum is C.91. The thesis does not say it;
    it holds where checkpoints outweigh the segment, and a longer segment is recomputed later.
    """
    positive("checkpoints", checkpoints=checkpoints)
    not_negative(
        "bytes, seconds and their prices",
        activation=activation,
        forward=forward,
        alpha=alpha,
        beta=beta,
    )
    return alpha * checkpoints * activation + beta * forward / checkpoints


def best_checkpoints(activation: float, forward: float, alpha: float, beta: float) -> float:
    """k* = sqrt(beta T / (alpha M)), the minimum of `checkpointing_cost` (Eq. C.91)."""
    positive(
        "bytes, seconds and their prices",
        activation=activation,
        forward=forward,
        alpha=alpha,
        beta=beta,
    )
    return sqrt(beta * forward / (alpha * activation))
