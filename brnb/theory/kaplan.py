"""The power laws of Kaplan et al. (2020) in one variable (C.1.1.1, Eqs. C.1-C.13).

The loss is in nats a token. N counts parameters without embeddings, D tokens, and C, unlike in the
dissertation, PF-days (`PF_DAY` FLOP): that is the unit of the published constant.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from brnb.theory.units import positive

Floats = npt.NDArray[np.float64]

Variable = Literal["N", "D", "C"]
PF_DAY = 1e15 * 86_400  # FLOP


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = (scale / x)^exponent + floor.

    Attributes
    ----------
    exponent, scale
        alpha and x_c.
    floor
        L_inf; Kaplan et al. have none.
    unit
        What one of x is, in parameters, tokens or FLOP.
    """

    exponent: float
    scale: float
    floor: float = 0.0
    unit: float = 1.0

    def loss(self, x: npt.ArrayLike) -> Floats:
        """The loss, in the shape of x."""
        return (self.scale * self.unit / self._checked(x)) ** self.exponent + self.floor

    def slope(self, x: npt.ArrayLike) -> Floats:
        """dL/dx = -alpha x_c^alpha / x^(alpha + 1) (Eqs. C.8-C.10)."""
        return -self.elastic(x) / self._checked(x)

    def elastic(self, x: npt.ArrayLike) -> Floats:
        """-dL/dln x, the nats that a relative increase of x gains: alpha (x_c / x)^alpha.

        Slopes per parameter, per token and per FLOP cannot be compared; these can.
        """
        return self.exponent * (self.loss(x) - self.floor)

    def _checked(self, x: npt.ArrayLike) -> Floats:
        positive("parameters, tokens or FLOP", x=x)
        return np.asarray(x, float)


LAWS: dict[Variable, PowerLaw] = {
    "N": PowerLaw(0.076, 8.8e13),
    "D": PowerLaw(0.095, 5.4e13),
    "C": PowerLaw(0.050, 3.1e8, unit=PF_DAY),
}


def kaplan_law(variable: Variable) -> PowerLaw:
    """The published law in N, D or C, with C in FLOP (Kaplan et al., 2020, Eqs. 1.1-1.3).

    The constants are those of C.4 to C.6; the law in C is that of compute-optimal training.
    """
    if variable not in LAWS:
        raise ValueError(f"variable = {variable!r}: choose from {', '.join(LAWS)}")
    return LAWS[variable]


def printed_kaplan_law(variable: Variable) -> PowerLaw:
    """The law as C.1 to C.7 print it: with a floor of 1.69, and C_c in FLOP.

    The floor is the E of Hoffmann et al. (2022), fitted together with other constants; added to
    these it predicts more than 3 nats for GPT-3. C_c is 3.1e8 PF-days, 2.7e28 FLOP.
    """
    law = kaplan_law(variable)
    return PowerLaw(law.exponent, law.scale, floor=1.69)


def kaplan_loss(variable: Variable, x: npt.ArrayLike) -> Floats:
    """L(N), L(D) or L(C) in nats a token (Eqs. C.1-C.3 without their floor)."""
    return kaplan_law(variable).loss(x)


def printed_kaplan_loss(variable: Variable, x: npt.ArrayLike) -> Floats:
    """L(N), L(D) or L(C) as C.1-C.7 print them."""
    return printed_kaplan_law(variable).loss(x)


def kaplan_slope(variable: Variable, x: npt.ArrayLike) -> Floats:
    """dL/dN, dL/dD or dL/dC (Eqs. C.8-C.13).

    For N = 1e10, D = 1e11 and C = 1e20 they are 1.5e-11, 1.7e-12 and 1.3e-21; C.11-C.13 print
    2.1e-12, 1.8e-13 and 3.4e-22.
    """
    return kaplan_law(variable).slope(x)


def kaplan_elasticity(variable: Variable, x: npt.ArrayLike) -> Floats:
    """Nats gained for each relative increase of N, D or C, which compares them (after C.13)."""
    return kaplan_law(variable).elastic(x)
