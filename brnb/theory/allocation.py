"""Spending a budget: one aim of several, a plan over time, and when to stop (C.1.5, C.44-C.49).

Performance is any number that is better when higher; in the chapter it is the negative loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from brnb.theory.chinchilla import LossLaw
from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Aim:
    """alpha performance - beta cost - gamma time (Eq. C.44).

    Attributes
    ----------
    performance
        Worth of one unit of it, alpha.
    usd_per_flop, flops_per_second
        What C costs, and how fast it is done.
    cost, time
        Worth of a USD and of a second saved, beta and gamma.
    """

    performance: float
    usd_per_flop: float
    flops_per_second: float
    cost: float = 1.0
    time: float = 0.0

    def value(self, performance: npt.ArrayLike, flops: npt.ArrayLike) -> Floats:
        """What models of that performance and compute are worth (Eq. C.44)."""
        compute = np.asarray(flops, float)
        usd, seconds = compute * self.usd_per_flop, compute / self.flops_per_second
        gain = self.performance * np.asarray(performance, float)
        return np.asarray(gain - self.cost * usd - self.time * seconds)


class Allocation(NamedTuple):
    """Parameters and tokens, and what they are worth."""

    parameters: float
    tokens: float
    value: float


def best_allocation(
    law: LossLaw,
    aim: Aim,
    most_flops: float,
    fewest_parameters: float = 1.0,
    fewest_tokens: float = 1.0,
) -> Allocation:
    """N and D worth most within the bounds, performance being -L (Eqs. C.44-C.47).

    Searches a grid of compute and size, then a finer one around its best.

    Raises
    ------
    ValueError
        If the fewest parameters and tokens alone take more than the compute.
    """
    floor = 6 * fewest_parameters * fewest_tokens
    if floor > most_flops:
        raise ValueError(
            f"most_flops = {most_flops}: {fewest_parameters} parameters and {fewest_tokens} tokens "
            f"take {floor} FLOP; raise it or lower them"
        )
    span = np.log(most_flops / floor)
    low, high = np.zeros(2), np.ones(2)
    best = Allocation(fewest_parameters, fewest_tokens, -np.inf)
    for _ in range(12):
        share, split = np.meshgrid(*(np.linspace(low[i], high[i], 41) for i in range(2)))
        N = fewest_parameters * np.exp(span * share * split)
        D = fewest_tokens * np.exp(span * share * (1 - split))
        value = aim.value(-law.loss(N, D), 6 * N * D)
        at = np.unravel_index(value.argmax(), value.shape)
        if value[at] > best.value:
            best = Allocation(float(N[at]), float(D[at]), float(value[at]))
        middle, width = np.array([share[at], split[at]]), (high - low) / 8
        low, high = np.maximum(middle - width, 0), np.minimum(middle + width, 1)
    return best


class TrainingSequence(NamedTuple):
    """What a sequence of trainings is worth, and the compute of each, first to last."""

    value: float
    spent: tuple[int, ...]


def best_sequence(gains: Sequence[float], budget: int, discount: float) -> TrainingSequence:
    """V(C) = max over c of gain(c) + delta V(C - c), by dynamic programming (Eq. C.48).

    Parameters
    ----------
    gains
        Performance of the best model for 1, 2, ... units of compute; none for 0.
    budget
        C in the same units.
    discount
        delta, between 0 and 1, of what comes one training later.

    Raises
    ------
    ValueError
        If the budget is negative or the discount not between 0 and 1.
    """
    if budget < 0 or not 0 <= discount <= 1:
        raise ValueError(f"budget = {budget}, discount = {discount}: at least 0; from 0 to 1")

    @cache
    def best(units: int) -> TrainingSequence:
        plans = [TrainingSequence(0.0, ())]
        for spent in range(1, min(units, len(gains)) + 1):
            rest = best(units - spent)
            plans.append(
                TrainingSequence(gains[spent - 1] + discount * rest.value, (spent, *rest.spent))
            )
        return max(plans, key=lambda plan: plan.value)

    return best(budget)


def marginal_gain(law: LossLaw, flops: float) -> float:
    """-dL/dC along the optimum, nats for each FLOP more (C.1.5.2).

    By the envelope theorem it is the Lagrange multiplier of C.19: -dL/dN / (6 D*).
    """
    N, D = (float(x) for x in law.optimum(flops))
    return -law.gradient(N, D)[0] / (6 * D)


def saturation_flops(law: LossLaw, usd_per_nat: float, usd_per_flop: float) -> float:
    """C beyond which a FLOP costs more than its gain is worth (Eq. C.49).

    L_pred(C) - E is K C^-g with g = alpha beta / (alpha + beta); so the worth of a FLOP,
    g K C^-(g + 1) usd_per_nat, meets its price at one C.
    """
    positive("USD", usd_per_nat=usd_per_nat, usd_per_flop=usd_per_flop)
    power = law.alpha * law.beta / (law.alpha + law.beta)
    K = float(law.best_loss(1.0)) - law.E
    return float((power * K * usd_per_nat / usd_per_flop) ** (1 / (power + 1)))


def pays_off(law: LossLaw, flops: float, usd_per_nat: float, usd_per_flop: float) -> bool:
    """Whether the next FLOP is worth its price, the converse of Eq. C.49."""
    return marginal_gain(law, flops) * usd_per_nat >= usd_per_flop


PHASES = (1e21, 1e23)  # FLOP, between the three phases of C.1.5.2


def phase(flops: float) -> int:
    """Phase 1, 2 or 3 of the strategy of C.1.5.2 for a compute in FLOP."""
    positive("FLOP", flops=flops)
    return 1 + sum(flops > bound for bound in PHASES)
