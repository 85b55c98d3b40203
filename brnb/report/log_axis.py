"""Logarithmic axes whose tick labels do not collide, written as each language writes numbers."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from brnb.report.labels import format_number

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_SUBS = ((1, 2, 5), (1, 3), (1,))  # of a decade, from many ticks to few
_MOST = 8  # ticks of an axis
_PLAIN = (1e-3, 1e5)  # numbers between these are written out
_CHARACTER, _LINE, _GAP = 0.07, 0.2, 0.15  # inches: a digit of a label, a line, room between labels


def log_axis(axis: "Axis", lang: str) -> None:
    """Make an axis logarithmic and choose as many ticks as its length has room for.

    To be called when everything is drawn: the ticks are those of the limits at that time.

    Parameters
    ----------
    axis
        ``axes.xaxis`` or ``axes.yaxis``.
    lang
        "pt" or "en".

    Raises
    ------
    ValueError
        If the limits were set and one of them is not positive.
    """
    from matplotlib.ticker import NullLocator

    axes, wide = axis.axes, _is_wide(axis)
    (axes.set_xscale if wide else axes.set_yscale)("log")
    low, high = sorted(float(limit) for limit in axis.get_view_interval())
    if low <= 0:
        raise ValueError(f"the axis begins at {low:g}, which has no logarithm: set both limits")
    decade = _inches(axis) / math.log10(high / low)
    ticks: Sequence[float] = ()
    for ticks in _candidates(low, high):
        if len(ticks) <= _MOST and _fit(ticks, decade, wide, lang):
            break
    axis.set_ticks(ticks, _written(ticks, lang))
    axis.set_minor_locator(NullLocator())
    (axes.set_xlim if wide else axes.set_ylim)(low, high)


def _candidates(low: float, high: float) -> Iterator[list[float]]:
    """Ticks within the limits, from many to few."""
    from matplotlib.ticker import MaxNLocator

    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    dense = _SUBS if high < 300 * low else _SUBS[-1:]
    choices = [[s * 10.0**p for p in powers for s in subs] for subs in dense]
    choices += [[10.0**p for p in powers if p % step == 0] for step in range(2, 6)]
    if high < 10 * low:
        choices = [
            [float(tick) for tick in MaxNLocator(n, steps=[1, 2, 5, 10]).tick_values(low, high)]
            for n in (5, 4, 3, 2, 1)
        ]
    inside = [[tick for tick in ticks if low <= tick <= high] for ticks in choices]
    yield from inside
    yield inside[-1][::2]


def _is_wide(axis: "Axis") -> bool:
    return axis is axis.axes.xaxis


def _inches(axis: "Axis") -> float:
    """Length of an axis, about: its share of the figure, less what labels beside it take."""
    figure, wide = axis.axes.get_figure(root=True), _is_wide(axis)
    assert figure is not None
    spec = axis.axes.get_subplotspec()
    rows, columns = spec.get_gridspec().get_geometry() if spec else (1, 1)
    size = figure.get_size_inches()[0 if wide else 1]
    return float(size / (columns if wide else rows)) - (0.85 if wide else 0.6)


def _fit(ticks: Sequence[float], decade: float, wide: bool, lang: str) -> bool:
    """Whether labels at these ticks, a decade apart in inches, leave a gap between each other."""
    widths = [_width(text) + _GAP if wide else _LINE for text in _written(ticks, lang)]
    gaps = [decade * math.log10(b / a) for a, b in itertools.pairwise(ticks)]
    needed = [(a + b) / 2 for a, b in itertools.pairwise(widths)]
    return all(gap >= need for gap, need in zip(gaps, needed, strict=True))


def _width(text: str) -> float:
    """Inches of a label, about; an exponent is small, and the cross is wide."""
    digits, _, power = text.strip("$").replace(r"\times", "xxx").partition("^")
    return _CHARACTER * (len(digits.replace("{,}", ",")) + 0.7 * len(power.strip("{}")))


def _written(ticks: Sequence[float], lang: str) -> list[str]:
    """Labels of one form: plain numbers, or powers of ten where one is very large or small."""
    if all(_PLAIN[0] <= tick <= _PLAIN[1] for tick in ticks):
        return [_plain(tick, lang) for tick in ticks]
    return [power_of_ten(tick, lang) for tick in ticks]


def _plain(number: float, lang: str) -> str:
    short = float(f"{number:.6g}")
    return format_number(int(short) if short.is_integer() else short, lang)


def power_of_ten(number: float, lang: str) -> str:
    r"""Write a number as mathematical text: ``$5\times10^{11}$``, ``$10^{9}$``."""
    mantissa, power = f"{number:.3e}".split("e")
    digits = _plain(float(mantissa), lang).replace(",", "{,}")
    times = "" if digits == "1" else rf"{digits}\times"
    return rf"${times}10^{{{int(power)}}}$"
