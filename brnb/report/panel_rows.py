"""What the artists in one pair of axes show, as rows of numbers."""

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer, ErrorbarContainer

FigureRow = dict[str, Any]
"""Values of a row by column, of `brnb.report.figure_data.COLUMNS`."""


def appearance(artist: Any) -> tuple[str, str]:
    """Colour and marker, by which a reader of the figure finds a series in its legend."""
    from matplotlib.colors import to_hex

    if hasattr(artist, "lines"):  # a container, as errorbar's
        artist = artist.lines[0] or artist.lines[2][0]
    if hasattr(artist, "get_markerfacecolor"):
        marker = str(artist.get_marker())
        return to_hex(artist.get_color()), marker if marker != "None" else ""
    for colours in (artist.get_facecolor(), artist.get_edgecolor()):
        if len(colours):
            return to_hex(colours if isinstance(colours, tuple) else colours[0]), ""
    return "", ""


class Panel:
    """What the artists of one pair of axes show."""

    def __init__(self, axes: "Axes", legend: Mapping[tuple[str, str], str]) -> None:
        from matplotlib.container import BarContainer, ErrorbarContainer

        self._axes, self._legend = axes, legend
        self._bars = [c for c in axes.containers if isinstance(c, BarContainer)]
        self._intervals = [c for c in axes.containers if isinstance(c, ErrorbarContainer)]
        self._nameless = 0

    def rows(self) -> Iterator[FigureRow]:
        rows = [row for bars in self._bars for row in self._bar_rows(bars)]
        for container in self._intervals:
            self._add_intervals(rows, container)
        yield from rows
        yield from self._line_rows()
        yield from self._collection_rows()
        yield from self._span_rows()
        yield from self._cell_rows()
        yield from self._text_rows()

    @cached_property
    def _parts(self) -> set[int]:
        """Artists that belong to bars and intervals."""
        intervals = [
            part for c in self._intervals for part in (c.lines[0], *c.lines[1], *c.lines[2])
        ]
        return {
            id(part) for part in [*intervals, *(patch for bars in self._bars for patch in bars)]
        }

    def _series(self, named: Any, seen: Any) -> str:
        """Name of a series: its own, the legend's for its look, or a number."""
        text = str(named.get_label())
        if not text.startswith("_"):
            return text
        self._nameless += 1
        return self._legend.get(appearance(seen), str(self._nameless))

    def _bar_rows(self, bars: "BarContainer") -> Iterator[FigureRow]:
        """A bar a row: its place, and its length; both ends where it does not start at zero."""
        if not len(bars):
            return
        series = self._series(bars, bars[0])
        upright = bars.orientation == "vertical"
        across, along = ("x", "y") if upright else ("y", "x")
        for patch in bars:
            (x, y), width, height = patch.get_xy(), patch.get_width(), patch.get_height()
            start, length = (y, height) if upright else (x, width)
            middle = x + width / 2 if upright else y + height / 2
            ends = {f"{along}_low": start, f"{along}_high": start + length} if start else {}
            yield {"series": series, across: round(middle, 9), along: start + length} | ends

    def _add_intervals(self, rows: list[FigureRow], container: "ErrorbarContainer") -> None:
        """Points with their intervals; what only marks the ends of bars is added to these."""
        line, _, collections = container.lines
        points = _plain(line.get_xydata()) if line else []
        series = self._series(container, line or collections[0])
        new = [{"series": series, "x": x, "y": y} for x, y in points]
        for collection in collections:
            for i, ((x0, y0), (x1, y1)) in enumerate(collection.get_segments()):
                along, across, at, ends = (
                    ("y", "x", x0, (y0, y1)) if x0 == x1 else ("x", "y", y0, (x0, x1))
                )
                row = new[i] if line else _at(rows, across, at, series)
                row |= {f"{along}_low": min(ends), f"{along}_high": max(ends)}
        rows += new

    def _line_rows(self) -> Iterator[FigureRow]:
        """Points of each line; of one across the whole panel, where it stands."""
        for line in self._axes.lines:
            if id(line) in self._parts:
                continue
            points = _plain(line.get_xydata())
            in_x, in_y = line.get_transform().contains_branch_seperately(self._axes.transData)
            series = self._series(line, line)
            if in_x and in_y:
                yield from ({"series": series, "x": x, "y": y} for x, y in points)
            elif in_x or in_y:
                yield {"series": series} | ({"x": points[0][0]} if in_x else {"y": points[0][1]})

    def _collection_rows(self) -> Iterator[FigureRow]:
        from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection

        for drawn in self._axes.collections:
            if id(drawn) in self._parts:
                continue
            series = self._series(drawn, drawn)
            if isinstance(drawn, PathCollection):
                points = _plain(drawn.get_offsets())
                yield from ({"series": series, "x": x, "y": y} for x, y in points)
            elif isinstance(drawn, LineCollection):
                yield from ({"series": series} | _stroke(ends) for ends in drawn.get_segments())
            elif isinstance(drawn, FillBetweenPolyCollection):
                for path in drawn.get_paths():
                    yield from ({"series": series} | row for row in _band(path.vertices))

    def _span_rows(self) -> Iterator[FigureRow]:
        """Bands across the whole panel."""
        from matplotlib.patches import Rectangle

        for patch in self._axes.patches:
            in_x, in_y = patch.get_transform().contains_branch_seperately(self._axes.transData)
            if id(patch) not in self._parts and isinstance(patch, Rectangle) and in_x != in_y:
                side = "x" if in_x else "y"
                start = patch.get_x() if in_x else patch.get_y()
                length = patch.get_width() if in_x else patch.get_height()
                ends = {f"{side}_low": start, f"{side}_high": start + length}
                yield {"series": self._series(patch, patch)} | ends

    def _cell_rows(self) -> Iterator[FigureRow]:
        for image in self._axes.images:
            for y, row in enumerate(_plain(image.get_array())):
                for x, value in enumerate(row):
                    yield {"x": x, "y": y, "value": value}

    def _text_rows(self) -> Iterator[FigureRow]:
        """Direct labels and boxes; a number repeats the value of a bar or a cell."""
        for text in self._axes.texts:
            words = " ".join(text.get_text().split())
            if any(map(str.isalpha, words)) and not self._axes.images:
                x, y = getattr(text, "xy", text.get_position())
                yield {"x": x, "y": y, "text": words}


def _plain(array: Any) -> list[list[float]]:
    """Rows of a matrix; what is masked is NaN."""
    import numpy as np

    rows: list[list[float]] = np.ma.filled(np.ma.asarray(array, dtype=float), math.nan).tolist()
    return rows


def _at(rows: list[FigureRow], side: str, place: float, series: str) -> FigureRow:
    """The row that stands at a place, a new one if there is none."""
    for row in rows:
        if math.isclose(row.get(side, math.nan), place, abs_tol=1e-9):
            return row
    rows.append({"series": series, side: place})
    return rows[-1]


def _stroke(ends: Any) -> FigureRow:
    (x0, y0), (x1, y1) = ends
    return (
        {"x": x0, "y_low": y0, "y_high": y1} if x0 == x1 else {"y": y0, "x_low": x0, "x_high": x1}
    )


def _band(corners: Any) -> Iterator[FigureRow]:
    """Both borders of a band; matplotlib goes out along one and home along the other."""
    count = (len(corners) - 3) // 2
    there, back = corners[1 : count + 1], corners[count + 2 : 2 * count + 2][::-1]
    for (x, one), (_, other) in zip(there, back, strict=True):
        yield {"x": x, "y_low": min(one, other), "y_high": max(one, other)}
