"""Seeded edits of numbers, units, signs and table cells, and how many of them the audit finds."""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from brnb.audit.checks import judge
from brnb.audit.claims import Claim
from brnb.audit.quote import PRINTED

SEED = 20260131
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_UNITS = (  # a unit and what an edit makes of it
    ("GB", "MB"),
    ("MB", "GB"),
    ("TB/s", "GB/s"),
    ("GB/s", "TB/s"),
    ("TFLOPS", "PFLOPS"),
    ("ms", "s"),
    ("dias", "meses"),
    ("horas", "dias"),
    ("milhões", "bilhões"),
    ("USD", "BRL"),
)
_OPPOSITE = str.maketrans("+-<>", "-+><")
_SIGNS = (("<", ">"), (">", "<"), ("\\leq", "\\geq"), ("≤", "≥"), (" - ", " + "), (" + ", " - "))


@dataclass(frozen=True)
class Edit:
    """One edit: what stands at `start` to `end` becomes `new`."""

    start: int
    end: int
    new: str
    kind: str

    def apply(self, text: str) -> str:
        """The edited text."""
        return text[: self.start] + self.new + text[self.end :]


def other_number(digits: str, draw: random.Random) -> str:
    """Another number of the same form: one of its digits is changed, never to a longer one."""
    places = [i for i, c in enumerate(digits) if c.isdigit()]
    place = draw.choice(places[:2])
    others = [d for d in "123456789" if d != digits[place]]
    return digits[:place] + draw.choice(others) + digits[place + 1 :]


def edits(text: str, draw: random.Random, start: int = 0, end: int | None = None) -> list[Edit]:
    """Every number, unit and sign of a part of a text, each with one edit."""
    part = text[start:end]
    made = [
        Edit(start + m.start(), start + m.end(), other_number(m[0], draw), "number")
        for m in _NUMBER.finditer(part)
    ]
    for kind, pairs in (("unit", _UNITS), ("sign", _SIGNS)):
        for old, new in pairs:
            word = rf"(?<![A-Za-z]){re.escape(old)}(?![A-Za-z])"
            made += [
                Edit(start + m.start(), start + m.end(), new, kind) for m in re.finditer(word, part)
            ]
    return sorted(made, key=lambda edit: (edit.start, edit.kind))


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


def draw_edits(
    texts: Mapping[str, str], spans: Iterable[tuple[str, int, int]], count: int
) -> list[tuple[str, Edit]]:
    """Draw edits from parts of the texts, without repetition."""
    draw = random.Random(SEED)
    every = [
        (document, edit)
        for document, start, end in spans
        for edit in edits(texts[document], draw, start, end)
    ]
    return draw.sample(every, min(count, len(every)))
