"""The law of Hoffmann et al. (2022) in N and D, and its optimum (C.1.1.2, Eqs. C.14-C.25)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive
from brnb.thesis import load

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LossLaw:
    """L(N, D) = E + A / N^alpha + B / D^beta in nats a token (Eqs. C.14-C.17)."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def loss(self, parameters: npt.ArrayLike, tokens: npt.ArrayLike) -> Floats:
        """The loss of N parameters after D tokens, broadcast (Eq. C.14)."""
        positive("parameters and tokens", parameters=parameters, tokens=tokens)
        N, D = np.asarray(parameters, float), np.asarray(tokens, float)
        return np.asarray(self.E + self.A * N**-self.alpha + self.B * D**-self.beta)

    def gradient(self, parameters: float, tokens: float) -> tuple[float, float]:
        """dL/dN and dL/dD (the first terms of Eqs. C.20, C.21)."""
        positive("parameters and tokens", parameters=parameters, tokens=tokens)
        dN = -self.A * self.alpha / parameters ** (self.alpha + 1)
        return dN, -self.B * self.beta / tokens ** (self.beta + 1)

    def lagrangian(
        self, parameters: float, tokens: float, multiplier: float, flops: float
    ) -> float:
        """L + lambda (6ND - C) (Eq. C.19)."""
        constraint = 6 * parameters * tokens - flops
        return float(self.loss(parameters, tokens)) + multiplier * constraint

    def conditions(
        self, parameters: float, tokens: float, multiplier: float
    ) -> tuple[float, float]:
        """Derivatives of the Lagrangian by N and D, 0 at the optimum (Eqs. C.20, C.21)."""
        dN, dD = self.gradient(parameters, tokens)
        return dN + 6 * multiplier * tokens, dD + 6 * multiplier * parameters

    @property
    def exponents(self) -> tuple[float, float]:
        """Powers of C that N* and D* grow with: beta / (alpha + beta), alpha / (alpha + beta)."""
        total = self.alpha + self.beta
        return self.beta / total, self.alpha / total

    def optimum(self, flops: npt.ArrayLike) -> tuple[Floats, Floats]:
        """N* and D* of the lowest loss with 6ND = C (Eqs. C.18, C.22, C.23)."""
        positive("FLOP", flops=flops)
        products = np.asarray(flops, float) / 6
        ratio = (self.A * self.alpha / (self.B * self.beta)) ** (1 / (self.alpha + self.beta))
        for_size, for_data = self.exponents
        return ratio * products**for_size, products**for_data / ratio

    def best_loss(self, flops: npt.ArrayLike) -> Floats:
        """Loss of the optimum, L_pred(C) (Eq. C.37)."""
        return self.loss(*self.optimum(flops))


def published(name: str = "hoffmann_2022") -> LossLaw:
    """A law in N and D of brnb/thesis/scaling.yaml (C.15-C.17 by default).

    Raises
    ------
    ValueError
        If the law has no constant for one of the variables.
    """
    facts = load("scaling", name)
    names = ("E", "A", "B", "alpha", "beta")
    if absent := [key for key in names if facts[key] is None]:
        raise ValueError(f"{name} in brnb/thesis/scaling.yaml has no {', '.join(absent)}")
    return LossLaw(**{key: float(facts[key]) for key in names})


def chinchilla_loss(parameters: npt.ArrayLike, tokens: npt.ArrayLike) -> Floats:
    """L(N, D) with the constants of C.15-C.17."""
    return published().loss(parameters, tokens)


def optimal_exponents(name: str = "hoffmann_2022") -> tuple[float, float]:
    """Powers of C of N* and D* that the constants imply: 0.45 and 0.55 (cf. C.24, C.25)."""
    return published(name).exponents


def printed_exponents() -> tuple[float, float]:
    """0.50 and 0.50, as C.24 and C.25 print what C.22 and C.23 would give.

    Hoffmann et al. found 0.50 and 0.50 by another approach, the lowest losses of their training
    curves (their Table 2); the constants of C.15 and C.16 give 0.45 and 0.55.
    """
    return 0.5, 0.5


def optimal_allocation(flops: npt.ArrayLike, name: str = "hoffmann_2022") -> tuple[Floats, Floats]:
    """N* and D* of a budget (Eqs. C.22, C.23; right beside C.40, C.41)."""
    return published(name).optimum(flops)


def printed_compute_allocation(flops: npt.ArrayLike) -> tuple[Floats, Floats]:
    """N* = D* = (C / 6)^0.50, as C.40 and C.41 print it: one token a parameter.

    The factor of C.22 is left out besides the exponent. Chinchilla itself has 20 tokens a
    parameter.
    """
    positive("FLOP", flops=flops)
    root = (np.asarray(flops, float) / 6) ** 0.5
    return root, root


def printed_prediction() -> float:
    """1.69 + 0.012 + 0.018, as C.43 prints the terms of C.42.

    For N = D = 4.1e12 they are 0.021 and 0.121: the loss is 1.83.
    """
    return 1.69 + 0.012 + 0.018
