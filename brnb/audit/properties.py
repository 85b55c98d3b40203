"""Checks that a number cannot make: identities, orders of growth, derivatives, matrix sizes."""

import random
import re
from collections.abc import Mapping
from itertools import product
from math import isclose, log2
from types import MappingProxyType
from typing import Any

from brnb.audit.expression import FUNCTIONS, evaluate_expression, names

PROBES = 4  # points at which two formulas are compared
_SEED = 20260131


def ratio(
    left: str,
    right: str,
    formulas: Mapping[str, str],
    where: Mapping[str, str],
    rooms: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """What two formulas differ by: "1" where they are identical, a number, or "not constant".

    They are compared at `PROBES` random points: different polynomials agree at one of them with
    probability zero. `rooms` are namespaces of functions that they may call.
    """
    sides = [_substituted(side, formulas, where) for side in (left, right)]
    symbols = sorted((names(sides[0]) | names(sides[1])) - set(FUNCTIONS) - set(rooms))
    draw = random.Random(_SEED)
    ratios = []
    for _ in range(PROBES):
        point = {**rooms, **{symbol: draw.uniform(1.5, 4.0) for symbol in symbols}}
        above, below = (float(evaluate_expression(side, point)) for side in sides)
        ratios.append(above / below)
    if any(not isclose(r, ratios[0], rel_tol=1e-7) for r in ratios):
        return "not constant"
    return "1" if isclose(ratios[0], 1, rel_tol=1e-7) else f"{ratios[0]:.6g}"


def _substituted(text: str, formulas: Mapping[str, str], where: Mapping[str, str]) -> str:
    for group in (formulas, where):
        for name, value in group.items():
            text = re.sub(rf"\b{re.escape(name)}\b(?!\()", f"({value})", text)
    return text.strip()


def same_order(printed: str, of: str, where: Mapping[str, str] | None = None) -> bool | str:
    """Whether two formulas grow alike: their ratio is a constant."""
    quotient = ratio(printed, of, {}, where or {})
    return True if quotient != "not constant" else f"({printed}) / ({of}) is not constant"


def leading(
    printed: str, of: str, large: list[str], where: Mapping[str, str] | None = None
) -> bool | str:
    """Whether `printed` is what `of` tends to, factor included, when `large` names grow.

    Each name in `large` grows ten times faster than the one after it.
    """
    sides = [_substituted(side, {}, where or {}) for side in (printed, of)]
    symbols = names(sides[0]) | names(sides[1])
    point = dict.fromkeys(sorted(symbols - set(FUNCTIONS)), 2.0)
    for rank, name in enumerate(reversed(large), start=1):
        point[name] = 10.0 ** (6 * rank)
    above, below = (float(evaluate_expression(side, point)) for side in sides)
    return True if isclose(above, below, rel_tol=1e-3) else f"ratio {above / below:.4g}"


def derivative(printed: str, of: str, by: str) -> bool | str:
    """Whether `printed` is the derivative of `of` by the symbol `by` (sympy)."""
    import sympy  # type: ignore[import-untyped]

    symbols = {n: sympy.Symbol(n, positive=True) for n in names(of)}
    right = str(sympy.diff(sympy.sympify(of, locals=symbols), symbols[by]))
    return True if ratio(printed, right, {}, {}) == "1" else f"d/d{by} = {right}"


def dimensions(printed: str, units: Mapping[str, str], unit: str) -> bool | str:
    """Whether a formula has the unit that it claims."""
    from brnb.audit.expression import ExpressionError, magnitude, quantity

    point = {name: quantity(2.0, text) for name, text in units.items()}
    try:
        magnitude(evaluate_expression(printed, point), unit)
    except ExpressionError as error:
        return str(error)
    return True


def degree(printed: str, by: str, power: float, **others: str) -> bool | str:
    """Whether a formula grows with that power of one of its symbols."""
    symbols = names(printed) - set(FUNCTIONS)
    low, high = (
        float(evaluate_expression(printed, {**dict.fromkeys(symbols, 2.0), by: value}))
        for value in (1e9, 2e9)
    )
    grown = log2(high / low)
    return True if isclose(grown, power, abs_tol=1e-3) else f"grows with power {grown:.3g}"


def same_degrees(printed: str, of: str, **others: str) -> bool | str:
    """Whether two formulas are of the same order, O(...), whatever symbols are large.

    Their ratio must stay between 1/64 and 64 with every symbol at 10 or at 10 million.
    """
    symbols = sorted((names(printed) | names(of)) - set(FUNCTIONS))
    for sizes in product((10.0, 1e7), repeat=len(symbols)):
        point = dict(zip(symbols, sizes, strict=True))
        quotient = float(evaluate_expression(printed, point)) / float(
            evaluate_expression(of, point)
        )
        if not 1 / 64 < quotient < 64:
            where = ", ".join(f"{name} = {size:.0e}" for name, size in point.items())
            return f"({printed}) / ({of}) = {quotient:.3g} at {where}"
    return True


def same_degrees_times(a: str, b: str, by: str) -> bool | str:
    """Whether the first formula is of the order of the second times a symbol."""
    return same_degrees(a, f"({b}) * {by}")


def at_most(printed: str, of: str) -> bool | str:
    """Whether a formula never passes another, symbols between 1 and a million."""
    symbols = sorted((names(printed) | names(of)) - set(FUNCTIONS))
    for sizes in product((1.0, 1e3, 1e6), repeat=len(symbols)):
        point = dict(zip(symbols, sizes, strict=True))
        value, limit = (float(evaluate_expression(text, point)) for text in (printed, of))
        if value > limit * (1 + 1e-9):
            return f"{value:.4g} against {limit:.4g} where {point}"
    return True
