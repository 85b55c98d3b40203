"""One published result beside ours: the verdict, and how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass

TableRows = list[dict[str, str]]
OUTCOMES = ("reproduced", "differs", "undecided", "not comparable")


@dataclass(frozen=True)
class Outcome:
    """One published result or finding, and what ours says of it.

    Attributes
    ----------
    place
        Where it is published.
    result
        Id of its label.
    published, ours, low, high
        Numbers; the interval is ours where there is one.
    verdict
        ``reproduced``, ``differs``, ``not comparable`` or ``undecided``.
    reason
        Id of the label that says why nothing can be compared; empty where it can.
    share
        Our tokens over the published ones, where that is the reason.
    counts
        Measures for, against and undecided, where the verdict is of several.
    """

    place: str
    result: str
    published: float | None
    ours: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str = ""
    share: float | None = None
    counts: tuple[int, int, int] | None = None


def cell_number(row: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        if row.get(name):
            return float(row[name])
    return None


def unmeasured(place: str, result: str, published: float | None) -> Outcome:
    return Outcome(place, result, published, None, None, None, "not comparable", "no_result")


def by_sign(low: float | None, high: float | None, expected: int) -> str:
    """Whether an interval has the expected sign, the other one, or holds zero."""
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return "reproduced" if (low > 0) == (expected > 0) else "differs"


def by_measures(counts: tuple[int, int, int]) -> str:
    """Verdict of several measures, as chapter 14 reaches it: all must be for what is reproduced.

    Parameters
    ----------
    counts
        Measures for, against, and of no decision.
    """
    supporting, against, undecided = counts
    if supporting and not against and not undecided:
        return "reproduced"
    return "differs" if against and not supporting else "undecided"
