"""What a figure draws, as rows of numbers: the data beside every picture.

They are read off the finished figure, so that no chapter can hand out other values than it draws.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from brnb.report.panel_rows import FigureRow, Panel, appearance

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLUMNS = (
    "panel", "x_axis", "y_axis", "series", "x", "y",
    "x_low", "x_high", "y_low", "y_high", "value", "text",
)  # fmt: skip
"""Bars and bands reach from low to high, as intervals do; a reference line has one coordinate;
a map's cells have a value; direct labels and the boxes of diagrams are texts."""


def figure_csv(figure: "Figure") -> str:
    """A figure's rows as CSV, with those of `COLUMNS` that any row fills."""
    rows = list(figure_rows(figure))
    names = [name for name in COLUMNS if any(row.get(name, "") != "" for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name, "")) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"


def figure_rows(figure: "Figure") -> Iterator[FigureRow]:
    """Every line's points, bar, interval, band, cell and label of a figure, panel by panel.

    Values are those of the axes; on an axis of names that of the nearest tick. What is not finite
    is not drawn, and has no row.
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    legend = _legend(figure)
    for number, axes in enumerate(panels, start=1):
        title = axes.get_title() or axes.get_title("left")
        where = {"panel": title or (str(number) if len(panels) > 1 else "")}
        where |= {"x_axis": axes.get_xlabel(), "y_axis": axes.get_ylabel()}
        names = {"x": _names(axes.xaxis), "y": _names(axes.yaxis)}
        for row in Panel(axes, legend).rows():
            if all(isinstance(value, str) or math.isfinite(value) for value in row.values()):
                yield where | row | {s: _name(row[s], names[s]) for s in names if s in row}


def _legend(figure: "Figure") -> dict[tuple[str, str], str]:
    """What the legends call each look, where that is one name."""
    meant = defaultdict(set)
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        if legend:
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False):
                meant[appearance(handle)].add(text.get_text())
    return {look: next(iter(names)) for look, names in meant.items() if len(names) == 1}


def _names(axis: "Axis") -> dict[float, str]:
    """Names by place of an axis whose ticks are one apart and called by names."""
    ticks = [float(tick) for tick in axis.get_majorticklocs()]
    texts = axis.get_major_formatter().format_ticks(ticks)  # a shared axis shows them once
    is_even = all(b - a == 1 for a, b in pairwise(ticks))
    is_named = any(map(str.isalpha, "".join(text for text in texts if text[:1] != "$")))
    return dict(zip(ticks, texts, strict=True)) if is_even and is_named else {}


def _name(value: float, names: Mapping[float, str]) -> float | str:
    """What a place is called; beside a tick stand the bars of a group."""
    return names.get(math.floor(value + 0.5), value)
