"""What a check says of a claim, and how a printed number is compared with a recomputed one.

Conventions, once for all documents: a number is confirmed within half a unit of its last printed
digit, halves up; decimal GB (10^9 bytes); 2 FLOP a multiplication with addition; deviations are
those of a sample (n - 1).
"""

from dataclasses import dataclass
from math import isclose
from typing import Literal

from brnb.audit.claims import Both
from brnb.audit.printed import Printed

VerdictKind = Literal[
    "confirmed", "rounding", "wrong", "inconsistent", "false fact", "not checkable"
]
VERDICT_KINDS: tuple[VerdictKind, ...] = (
    "confirmed",
    "rounding",
    "wrong",
    "inconsistent",
    "false fact",
    "not checkable",
)
ERRORS: tuple[VerdictKind, ...] = ("wrong", "inconsistent", "false fact")
SLACK = 0.05  # a last digit off by one is rounding only where it is worth less than this share
FACTORS = {  # what a printed number may be too large by, and how to say so
    1000.0: Both(pt="um fator 1000", en="a factor of 1000"),
    100.0: Both(pt="um fator 100", en="a factor of 100"),
    10.0: Both(pt="um fator 10", en="a factor of 10"),
    2.0: Both(pt="um fator 2", en="a factor of 2"),
    4.0: Both(pt="um fator 4", en="a factor of 4"),
    8.0: Both(pt="um fator 8 (bits por byte)", en="a factor of 8 (bits to a byte)"),
    12.0: Both(pt="um fator 12 (meses por ano)", en="a factor of 12 (months to a year)"),
    365.0: Both(pt="um fator 365 (dias por ano)", en="a factor of 365 (days to a year)"),
}


@dataclass(frozen=True)
class Judgement:
    """A verdict and what it rests on.

    Attributes
    ----------
    kind
        One of `VERDICT_KINDS`.
    printed
        What the document prints.
    recomputed
        The number or word that it should be; None where nothing can be computed.
    low, high
        What the result may be where inputs are rounded in print.
    reading
        Another reading that gives what is printed.
    why
        The reason, where nothing can be checked (in both languages), or how the check fails.
    number, unit
        What is printed as a number, where it is one, and the unit of both values.
    """

    kind: VerdictKind
    printed: str
    recomputed: float | str | None = None
    low: float | None = None
    high: float | None = None
    reading: Both | None = None
    why: Both | str | None = None
    number: Printed | None = None
    unit: str = ""

    def reason(self, lang: str) -> str | None:
        """Why, in a language where it has both."""
        return str(getattr(self.why, lang)) if isinstance(self.why, Both) else self.why


def agreement(
    printed: Printed, value: float, low: float, high: float, about: float
) -> VerdictKind | None:
    """Tell whether a number agrees with its recomputation; None where it does not.

    Parameters
    ----------
    printed
        As printed, a range or a bound included.
    value, low, high
        Recomputed, in the printed number's unit, and its interval where inputs are rounded.
    about
        Relative tolerance that the document claims for itself.
    """
    if printed.sign in "<≤>≥" and printed.sign != "=":
        return "confirmed" if _bounded(printed, value) else None
    bottom, top = printed.corners
    tiny = 1e-9 * max(abs(value), abs(top))
    if bottom - tiny <= value <= top + tiny and not isclose(value, top, rel_tol=1e-12, abs_tol=0):
        return "confirmed"
    if isclose(value, bottom, rel_tol=1e-9) or (value < 0 and isclose(value, top, rel_tol=1e-9)):
        return "confirmed"
    if abs(value - printed.value) <= about * abs(value):
        return "confirmed"
    if low < high and low <= top + tiny and high >= bottom - tiny:
        return "rounding"
    off = max(float(printed.low) - value, value - float(printed.high))
    small = off <= SLACK * abs(value)
    return "rounding" if small and off <= float(printed.step) * (1 + 1e-9) else None


def _bounded(printed: Printed, value: float) -> bool:
    limit = printed.value
    return {
        "<": value < limit,
        "≤": value <= limit * (1 + 1e-9),
        ">": value > limit,
        "≥": value >= limit * (1 - 1e-9),
    }[printed.sign]


def simple_factor(printed: Printed, value: float) -> Both | None:
    """Name the factor that a printed number is off by, if it is a usual one."""
    if not value or not printed.value or printed.step == 0:
        return None
    size, step = abs(printed.value), float(printed.step)
    bottom, top = size - step, size + step  # cut off digits included
    if top / max(bottom, 1e-300) > 1.2:
        return None  # one printed digit agrees with too many factors
    for factor, text in FACTORS.items():
        if bottom <= abs(value) * factor <= top:
            return Both(pt=f"{text.pt} a mais", en=f"{text.en} too much")
        if bottom <= abs(value) / factor <= top:
            return Both(pt=f"{text.pt} a menos", en=f"{text.en} too little")
    return None
