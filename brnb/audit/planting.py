"""Planted errors: a check that none of them fails is refused."""

import re
from collections.abc import Iterator, Mapping
from functools import partial

from brnb.audit.checks import judge
from brnb.audit.claims import Claim
from brnb.audit.quote import PRINTED

_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_OPPOSITE = str.maketrans("+-<>", "-+><")


def can_fail(claim: Claim, slots: Mapping[str, str]) -> bool:
    """Whether some edit of a claim's slots makes its check say something else.

    A check that has failed can; one that holds is tried with wrong numbers, words, signs and
    formulas in each of its slots.
    """
    if claim.kind == "open":
        return True
    verdict = judge(claim, slots).kind
    if verdict not in ("confirmed", "rounding"):
        return True
    return any(_verdict(claim, edited) not in (verdict, None) for edited in _planted(slots))


def _verdict(claim: Claim, slots: Mapping[str, str]) -> str | None:
    """The verdict, None where the slots cannot be read: that would prove nothing."""
    try:
        return judge(claim, slots).kind
    except (ValueError, LookupError, TypeError, ArithmeticError):
        return None


def _planted(slots: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Slots with one of them made wrong: larger, smaller, another word, another formula."""
    for name in sorted(slots, key=lambda name: name != PRINTED):
        text = slots[name]
        for factor in (1000, 3, 0.001):
            yield {**slots, name: _NUMBER.sub(partial(_scaled, factor=factor), text, count=1)}
        for other in (f"{text} + 1", "outra coisa", text.translate(_OPPOSITE)):
            yield {**slots, name: other}


def _scaled(number: re.Match[str], factor: float) -> str:
    other = float(number[0].replace(",", "")) * factor or 1.0
    return f"{other:.6f}".rstrip("0").rstrip(".")
