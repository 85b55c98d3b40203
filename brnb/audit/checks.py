"""The checks, one function a kind: each takes a claim and its slots as found, and judges it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from brnb.audit import properties
from brnb.audit.claims import Both, Claim
from brnb.audit.expression import ExpressionError, evaluate_expression, magnitude, quantity
from brnb.audit.formula import FormulaError, to_expression
from brnb.audit.inputs import ROOMS, corners, folded, inputs, read_input
from brnb.audit.printed import Printed, UnreadableNumber, read_printed
from brnb.audit.quote import PRINTED
from brnb.audit.shapes import ShapeError, matrix_size
from brnb.audit.verdict import Judgement, VerdictKind, agreement, simple_factor

SlotTexts = Mapping[str, str]
_USUAL: dict[str, VerdictKind] = {"same": "inconsistent", "fact": "false fact"}


def judge(claim: Claim, slots: SlotTexts) -> Judgement:
    """Check a claim against what its slots say.

    Raises
    ------
    ValueError
        If a slot cannot be read or the check itself cannot be computed.
    """
    return _CHECKS[claim.kind](claim, slots)


def _failed(claim: Claim) -> VerdictKind:
    return claim.if_not or _USUAL.get(claim.kind, "wrong")


def _value(claim: Claim, slots: SlotTexts) -> Judgement:
    assert claim.value is not None
    printed = read_printed(slots[PRINTED])
    unit = _target(printed, claim.unit)
    values = inputs(claim, slots)

    def compute(expression: str, given: Mapping[str, Any]) -> float:
        return _in_unit(evaluate_expression(expression, given), claim.unit, unit)

    try:
        value = compute(claim.value, values)
    except ExpressionError as error:
        if printed.unit and "units do not fit" in str(error):
            failed, text = _failed(claim), slots[PRINTED]
            return Judgement(failed, text, why=str(error), number=printed, unit=unit)
        raise
    judged = Judgement(_failed(claim), slots[PRINTED], value, number=printed, unit=unit)
    results = [compute(claim.value, given) for given in corners(claim, slots, values)]
    low, high = min(results), max(results)
    kind = agreement(printed, value, low, high, claim.about)
    if kind is not None:
        judged = replace(judged, kind=kind)
        return replace(judged, low=low, high=high) if low < high else judged
    agrees = (r for r in claim.readings if agreement(printed, compute(r.value, values), 0, 0, 0))
    reading: Both | None = next(agrees, None)
    return replace(judged, reading=reading or simple_factor(printed, value))


def _in_unit(value: Any, stated: str, wanted: str) -> float:
    """A result in the printed number's unit; a bare one is in the claim's own unit."""
    if not hasattr(value, "magnitude"):
        value = quantity(float(value), stated)
    return magnitude(value, wanted)


def _target(printed: Printed, unit: str) -> str:
    """Unit of the comparison: the printed one; else the claim's, unless it only scales."""
    if printed.unit or not unit:
        return printed.unit
    return "" if quantity(1.0, unit).dimensionless else unit


def _holds(claim: Claim, slots: SlotTexts) -> Judgement:
    assert claim.holds is not None
    values = inputs(claim, slots)
    if PRINTED in slots:
        values[PRINTED] = read_input(slots[PRINTED], values)
    kind: VerdictKind = "confirmed" if evaluate_expression(claim.holds, values) else _failed(claim)
    shown = slots.get(PRINTED) or ", ".join(slots.values())
    return Judgement(kind, shown, why=None if kind == "confirmed" else f"not: {claim.holds}")


def _same(claim: Claim, slots: SlotTexts) -> Judgement:
    texts = list(slots.values()) + [str(text) for text in claim.given.values()]
    if len(texts) < 2:
        raise ValueError(f"{claim.id}: `same` needs two slots; name them ⟦a=…⟧, ⟦b=…⟧")
    first, *others = texts
    agree = all(_alike(first, other, claim.unit) for other in others)
    return Judgement("confirmed" if agree else _failed(claim), first, " | ".join(others))


def _alike(first: str, second: str, unit: str) -> bool:
    try:
        one, two = read_printed(first), read_printed(second)
    except UnreadableNumber:
        return folded(first) == folded(second)
    factor = magnitude(quantity(1.0, two.unit or one.unit or unit), one.unit or two.unit or unit)
    tolerance = max(float(one.step), float(two.step) * factor) / 2
    gaps = [float(a) - float(b) * factor for a, b in ((one.low, two.low), (one.high, two.high))]
    return all(abs(gap) <= tolerance * (1 + 1e-9) for gap in gaps)


def _algebra(claim: Claim, slots: SlotTexts) -> Judgement:
    assert claim.algebra is not None
    left, right = claim.algebra.split("==")
    formulas = {name: _formula(text) for name, text in slots.items()}
    ratio = properties.ratio(left, right, formulas, claim.where, ROOMS)
    shown = slots.get(PRINTED) or next(iter(slots.values()))
    if ratio == "1":
        return Judgement("confirmed", shown, "1")
    return Judgement(_failed(claim), shown, why=f"({left.strip()}) / ({right.strip()}) = {ratio}")


def _formula(text: str) -> str:
    try:
        return f"({to_expression(text)})"
    except FormulaError:
        pass
    try:
        return f"({read_printed(text).value!r})"
    except UnreadableNumber:
        return text


def _shapes(claim: Claim, slots: SlotTexts) -> Judgement:
    assert claim.shapes is not None
    printed = slots[PRINTED]
    expression = claim.shapes.text or to_expression(printed)
    try:
        size = matrix_size(expression, claim.shapes.sizes)
    except ShapeError as error:
        return Judgement(_failed(claim), printed, why=str(error))
    right = size == claim.shapes.gives
    return Judgement("confirmed" if right else _failed(claim), printed, " × ".join(size))


def _test(claim: Claim, slots: SlotTexts) -> Judgement:
    assert claim.test is not None
    name = claim.test.function
    test = evaluate_expression(
        f"audit.{name}" if "." in name else f"audit.properties.{name}", ROOMS
    )
    given = {**claim.test.arguments}
    for name, text in slots.items():
        given[name] = _formula(text)
    result = test(**given)
    shown = slots.get(PRINTED) or next(iter(slots.values()))
    if result is True:
        return Judgement("confirmed", shown)
    return Judgement(_failed(claim), shown, why=None if result is False else str(result))


def _fact(claim: Claim, slots: SlotTexts) -> Judgement:
    text = slots[PRINTED]
    if isinstance(claim.fact, (int, float)):
        printed = read_printed(text)
        unit = _target(printed, claim.unit)
        value = _in_unit(claim.fact, claim.unit, unit)
        kind = agreement(printed, value, value, value, claim.about)
        return Judgement(kind or _failed(claim), text, value, number=printed, unit=unit)
    right = [claim.fact] if isinstance(claim.fact, str) else claim.fact
    assert right is not None
    kind = "confirmed" if folded(text) in [folded(word) for word in right] else None
    return Judgement(kind or _failed(claim), text, right[0])


def _open(claim: Claim, slots: SlotTexts) -> Judgement:
    return Judgement("not checkable", slots.get(PRINTED, ""), why=claim.open)


_CHECKS: dict[str, Callable[[Claim, SlotTexts], Judgement]] = {
    "value": _value,
    "holds": _holds,
    "same": _same,
    "algebra": _algebra,
    "shapes": _shapes,
    "test": _test,
    "fact": _fact,
    "open": _open,
}


def printed_number(slots: SlotTexts) -> Printed:
    """The printed slot as a number."""
    return read_printed(slots[PRINTED])
