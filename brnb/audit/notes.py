"""What a note at a line's end says of its numbers: quoted from a claim, computed, or justified.

``% brnb: 002:eq:4.4`` quotes a claim; ``% brnb: = 100 * (0.090 - 0.037) / 0.037`` computes, with
``\\brnb{…}`` for a recorded number; ``% brnb: "24 GB": folha de dados`` gives a reason that only
the author can check, of exactly the words that it quotes: once these change, it holds no more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brnb.audit.claims import Claim
from brnb.audit.expression import ExpressionError, evaluate_expression, magnitude
from brnb.audit.latex_source import BRNB, Line
from brnb.audit.portuguese import NUMBER, Written, read_written
from brnb.audit.printed import UnreadableNumber, read_printed
from brnb.audit.quote import PRINTED
from brnb.audit.sentences import Fault
from brnb.audit.units import end_of_unit, unit_after, unit_in

_ID = re.compile(r"\d{3}(:[^:]+)+")
_QUOTATION = re.compile(r'"([^"]+)"')
_BEFORE = re.compile(  # what belongs to a number: a comparison, an operation, a currency
    r"(?:(?:[<>≤≥=+−-]|\\[lg]eq?\b|\\approx|\\times|(?:US|R)\\?\$)[\s~$]*)+$"
)


def claim_id(note: str | None, claims: Mapping[str, Claim]) -> str | None:
    """The claim that a note quotes, known or not; None for any other note."""
    return note if note and (note in claims or _ID.fullmatch(note)) else None


def quotations(note: str | None, claims: Mapping[str, Claim]) -> list[str]:
    """The words between double quotes of a note that gives a reason; none of any other note."""
    reason = note and not note.startswith("=") and not claim_id(note, claims)
    return _QUOTATION.findall(note) if note and reason else []


def is_justified(line: Line, number: re.Match[str], claims: Mapping[str, Claim]) -> bool:
    """Whether the note of a line quotes a number of it: all of it, sign, currency and unit."""
    before = _BEFORE.search(line.visible[: number.start()])
    start = before.start() if before else number.start()
    end = end_of_unit(line.visible, number.end())
    return any(
        first <= start and end <= first + len(words)
        for words in quotations(line.note, claims)
        for first in _places(words, line.visible)
    )


def _places(words: str, text: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(words), text)]


def unsaid(line: Line, claims: Mapping[str, Claim]) -> Iterator[Fault]:
    """Words that a note quotes and that its line does not have, or no longer."""
    for words in quotations(line.note, claims):
        if words not in line.visible:
            text = f"the note justifies {words!r}, which the line does not say: mend one of both"
            yield Fault(line.file, line.number, "unsaid", text)


def misquoted(
    line: Line, written: Sequence[tuple[re.Match[str], Written]], claims: Mapping[str, Claim]
) -> Iterator[Fault]:
    """A line quoted from a claim prints numbers of the claim, with their units, and no others."""
    id = claim_id(line.note, claims)
    if id is None:
        return
    if id not in claims:
        text = f"no claim has the id {id!r}: brnb audit lists them"
        yield Fault(line.file, line.number, "unknown claim", text)
        return
    slots = {k: v for _, quote in claims[id].passages for k, v in quote.values.items()}
    known = [slot for slot in map(_read, slots.values()) if slot]
    if not known:
        return
    printed = _read(slots.get(PRINTED, ""))
    if written and printed and not any(_equal(printed[0], float(n.value)) for _, n in written):
        numbers = ", ".join(number.text for _, number in written)
        text = f"the document prints {slots[PRINTED]} for {id}, which is none of {numbers}"
        yield Fault(line.file, line.number, "misquoted", text)
        return
    for match, number in written:
        units = {unit for value, unit in known if _equal(value, float(number.value))}
        unit = unit_after(line.visible, match.end())
        if not units:
            text = f"the document prints {slots.get(PRINTED)} for {id}, not {number.text}"
            yield Fault(line.file, line.number, "misquoted", text)
        elif unit and None not in units and unit not in units:
            text = f"{number.text} is in another unit in the document: {slots.get(PRINTED)} ({id})"
            yield Fault(line.file, line.number, "unit", text)


def _read(text: str) -> tuple[float, str | None] | None:
    """Value of a slot, and the unit that is written behind it."""
    try:
        return abs(read_printed(text).value), unit_in(text)
    except UnreadableNumber:
        return None


def _equal(first: float, second: float) -> bool:
    return abs(first - abs(second)) < 1e-9 * max(1, first)


def miscomputed(
    line: Line, written: Sequence[tuple[re.Match[str], Written]], numbers: Mapping[str, str]
) -> Iterator[Fault]:
    """Numbers of a line whose note computes round from the result, or are among its inputs."""
    if not (line.note and line.note.startswith("=")):
        return
    try:
        expression, given = _with_values(line.note[1:], numbers)
        result = magnitude(evaluate_expression(expression, {}), "")
    except (ExpressionError, LookupError) as error:
        yield Fault(line.file, line.number, "computed", f"the note cannot be computed: {error}")
        return
    for _, number in written:
        low, high = (round(corner, 12) for corner in number.corners)
        inputs = any(_equal(value, float(number.value)) for value in given)
        if not (low <= result <= high or low <= abs(result) <= high or inputs):
            text = f"{number.text} does not follow from the note, which gives {result:.6g}"
            yield Fault(line.file, line.number, "computed", text)


def _with_values(note: str, numbers: Mapping[str, str]) -> tuple[str, list[float]]:
    """A note's expression with recorded numbers filled in, and all numbers in it."""

    def value(match: re.Match[str]) -> str:
        number: Any = NUMBER.search(numbers[match[1]]) if match[1] in numbers else None
        if number is None:
            raise LookupError(f"\\brnb{{{match[1]}}} is no number")
        return str(read_written(number).value)

    expression = BRNB.sub(value, note)
    return expression, [float(text) for text in re.findall(r"\d+(?:\.\d+)?", expression)]
