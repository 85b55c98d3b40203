"""Quantities in the unit that fits each: 26 s beside 13,3 h, 2,0 mi beside 13,88 bi."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from brnb.report.labels import format_number

# Smallest value in the column's own unit, factor to the unit that prints, and its name.
_SCALES: dict[str, tuple[tuple[float, float, dict[str, str]], ...]] = {
    "hours": (
        (1, 1, {"pt": "h", "en": "h"}),
        (1 / 30, 60, {"pt": "min", "en": "min"}),
        (0, 3600, {"pt": "s", "en": "s"}),
    ),
    "billions": (
        (1, 1, {"pt": "bi", "en": "B"}),
        (1e-3, 1e3, {"pt": "mi", "en": "M"}),
        (1e-6, 1e6, {"pt": "mil", "en": "k"}),
        (0, 1e9, {"pt": "", "en": ""}),
    ),
}
_AS_PRINTED = 0.1  # larger values with at most two decimals are someone's figures: they stay
_SHORT = 360  # seconds: if the shortest time is below this, an axis is in seconds


def time_unit(seconds: Iterable[float]) -> tuple[str, int]:
    """Label of an axis of training times, in seconds or in hours, and the seconds of its unit."""
    short = min(seconds, default=0) < _SHORT
    return ("training_seconds", 1) if short else ("training_hours", 3600)


def format_quantity(value: Any, kind: str, lang: str) -> str:
    """Write a time or a count with two or three significant digits and its unit.

    A value of few decimals, as people print them, keeps them and the column's own unit.

    Parameters
    ----------
    value
        Hours or billions, by `kind`.
    kind
        "hours" or "billions".
    lang
        "pt" or "en".
    """
    number = Decimal(str(value))
    own = _SCALES[kind][0]
    exponent = number.as_tuple().exponent
    if not number or (isinstance(exponent, int) and exponent >= -2 and abs(number) >= _AS_PRINTED):
        return format_number(value, lang, unit=own[2][lang])
    _, factor, names = next(scale for scale in _SCALES[kind] if abs(number) >= Decimal(scale[0]))
    scaled = number * Decimal(factor)
    digits = 3 if names == own[2] else 2
    places = min(3, max(0, digits - 1 - scaled.adjusted()))
    return format_number(scaled, lang, places, names[lang] or None)
