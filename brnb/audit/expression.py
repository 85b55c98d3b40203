"""Arithmetic with units, as written in a claim: ``gpu_seconds(C, 312, 0.4) * second``.

Names are the inputs, units of `registry` and the functions in `FUNCTIONS`. An input may be a
namespace of modules, so that ``theory.compute.mfu(...)`` is a call; an object of the theory that it
returns has its attributes. Nothing else can be reached.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache, reduce
from types import SimpleNamespace
from typing import Any

import pint

from brnb.params import nearest
from brnb.theory.costs import half_up

_DEFINITIONS = """
kilo- = 1e3
mega- = 1e6
giga- = 1e9
tera- = 1e12
peta- = 1e15
exa- = 1e18
milli- = 1e-3
micro- = 1e-6
pico- = 1e-12
second = [time]
hour = 3600 * second
day = 24 * hour
year = 365 * day
month = year / 12
bit = [information]
byte = 8 * bit
joule = [energy]
watt = joule / second
kWh = 3.6e6 * joule
FLOP = [operation]
token = [token]
USD = [currency]
BRL = [real]
percent = 0.01
thousand = 1e3
million = 1e6
billion = 1e9
trillion = 1e12
"""  # our own: in pint's list a bit has no dimension, and bytes would pass for plain numbers
_UNITS = re.findall(r"^(\w+) =", _DEFINITIONS, re.MULTILINE)
_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda *values: all(values),
    ast.Or: lambda *values: any(values),
    ast.Not: operator.not_,
}


def normal_cdf(x: float) -> float:
    """Distribution function of the standard normal."""
    return (1 + math.erf(x / math.sqrt(2))) / 2


def normal_inside(x: float) -> float:
    """Probability that a standard normal lies within ±x, exact for tiny x too."""
    return math.erf(x / math.sqrt(2))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "float": float,
    "int": int,
    "max": max,
    "min": min,
    "sum": lambda *values: sum(values),
    "round": round,
    "sqrt": lambda x: x**0.5,
    "ceil": math.ceil,
    "floor": math.floor,
    "exp": lambda x: math.exp(float(x)),
    "log": lambda x: math.log(float(x)),
    "log2": lambda x: math.log2(float(x)),
    "erf": math.erf,
    "half_up": lambda value, places=2: float(half_up(value, int(places))),
    "normal_cdf": normal_cdf,
    "normal_inside": normal_inside,
}


class ExpressionError(ValueError):
    """An expression that cannot be read or computed; the message says which name or why."""


@cache
def registry() -> "pint.UnitRegistry[Any]":
    """The units of `_DEFINITIONS`; operations, tokens and money are dimensions of their own."""
    return pint.UnitRegistry(_DEFINITIONS.strip().split("\n"))


def quantity(value: float, unit: str) -> Any:
    """A number with a unit; the bare number where the unit is empty.

    Raises
    ------
    ExpressionError
        If there is no such unit.
    """
    try:
        return registry().Quantity(value, unit) if unit else value
    except pint.UndefinedUnitError as error:
        raise ExpressionError(
            f"unit {unit!r} is not in the registry of units{nearest(unit, _UNITS)}"
        ) from error


def magnitude(value: Any, unit: str) -> float:
    """The number of a quantity in `unit`; a bare number must meet an empty unit.

    Raises
    ------
    ExpressionError
        If the dimensions differ.
    """
    wanted = registry().Quantity(1.0, unit)
    given = value if isinstance(value, pint.Quantity) else registry().Quantity(float(value), "")
    try:
        return float(given.to(wanted.units).magnitude)
    except pint.DimensionalityError as error:
        raise ExpressionError(f"units do not fit: {error}") from error


def evaluate_expression(text: str, inputs: Mapping[str, Any]) -> Any:
    """Compute an expression.

    Parameters
    ----------
    text
        Python arithmetic and comparisons.
    inputs
        Values by name; they come before units and functions of the same name.

    Raises
    ------
    ExpressionError
        If a name is unknown, the syntax is not arithmetic, or the units do not fit.
    """
    try:
        return _value(_tree(text), inputs)
    except (pint.DimensionalityError, ZeroDivisionError, TypeError, OverflowError) as error:
        raise ExpressionError(f"{text!r}: {error}") from error


def names(text: str) -> set[str]:
    """Plain names that an expression uses: inputs, units and functions."""
    return {node.id for node in ast.walk(_tree(text)) if isinstance(node, ast.Name)}


@cache
def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"{text!r} is not an expression: {error.msg}") from error


def _value(node: ast.expr, inputs: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            return _name(name, inputs)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, inputs), _value(right, inputs))
        case ast.UnaryOp(op=op, operand=operand):
            return _OPERATORS[type(op)](_value(operand, inputs))
        case ast.BoolOp(op=op, values=values):
            return _OPERATORS[type(op)](*(_value(value, inputs) for value in values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            values = [_value(item, inputs) for item in (left, *others)]
            pairs = zip(values, ops, values[1:], strict=False)
            return all(_OPERATORS[type(op)](a, b) for a, op, b in pairs)
        case ast.Call(func=function, args=arguments, keywords=keywords):
            given = [_value(argument, inputs) for argument in arguments]
            named = {str(k.arg): _value(k.value, inputs) for k in keywords}
            return _value(function, inputs)(*given, **named)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, inputs) for item in items]
        case ast.Subscript(value=value, slice=key):
            return _value(value, inputs)[_value(key, inputs)]
        case ast.Attribute(value=ast.Call() as call, attr=name):
            return _part(_value(call, inputs), name)
        case ast.Attribute():
            return _member(node, inputs)
    raise ExpressionError(f"{ast.unparse(node)!r} is not arithmetic")


def _name(name: str, inputs: Mapping[str, Any]) -> Any:
    if name in inputs:
        return inputs[name]
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    try:
        return registry().Quantity(1.0, name)
    except (pint.UndefinedUnitError, AttributeError) as error:
        raise ExpressionError(f"{name!r} is no input, unit or function") from error


def _part(value: Any, name: str) -> Any:
    """A public attribute of an object of the theory, as in ``PowerLaw(a, c).slope``."""
    if name.startswith("_") or not type(value).__module__.startswith("brnb.theory."):
        raise ExpressionError(f".{name}: only objects of brnb.theory have attributes here")
    try:
        return getattr(value, name)
    except AttributeError as error:
        raise ExpressionError(str(error)) from error


def _public(room: Any) -> list[str]:
    """Our own names in a module or a namespace of modules."""
    return [
        name
        for name, value in vars(room).items()
        if name[0] != "_" and getattr(value, "__module__", "brnb").startswith("brnb")
    ]


def _member(node: ast.Attribute, inputs: Mapping[str, Any]) -> Any:
    """A public function of a module of a namespace that is among the inputs."""
    root, *parts = ast.unparse(node).split(".")
    space = inputs.get(root)
    if isinstance(space, SimpleNamespace) and not any(part.startswith("_") for part in parts):
        try:
            return reduce(getattr, parts, space)
        except AttributeError as error:
            known = nearest(str(error.name), _public(error.obj))
            raise ExpressionError(f"{ast.unparse(node)!r} does not exist{known}") from error
    raise ExpressionError(f"{ast.unparse(node)!r} is no function that a claim may call")
