"""How a table fits the page: size of the type, widths of the columns that wrap, upright or not."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from brnb.report.latex import BREAK
from brnb.report.type_widths import width

_LINE, _TURNED = 16 / 2.54 * 72.27, 23.5 / 2.54 * 72.27  # points: of an upright page, of a turned
_SLACK = 3  # points that rounding of glyphs and bold type may take
# Lines and their steps, each with sizes: command, points of the type, \tabcolsep. The first size at
# which a table fits as it is, else the last of the step with columns that wrap, else the next step.
_BODY = ((r"\small", 10.95, 5.0), (r"\footnotesize", 10.0, 4.0), (r"\footnotesize", 10.0, 3.0))
_FINE = ((r"\scriptsize", 8.5, 3.0),)
_STEPS = ((_LINE, _BODY), (_LINE, _FINE), (_TURNED, _BODY), (_TURNED, _FINE))
_WRAPPED = 7  # em: narrower columns never wrap
_EVENNESS = 0.7  # of shares: 1 gives a column of ten times the text ten times the width
_SYLLABLES = 4.2  # em: the longest piece that hyphenation leaves of a word
_WORD = re.compile(r"[^\W\d_]+[.,;:!?)]*")


@dataclass(frozen=True)
class TableLayout:
    """Size and widths in points; a width of None is a column as wide as its widest cell."""

    command: str
    size: float
    gap: float
    widths: list[float | None]
    turned: bool


def fit_table(
    headers: Sequence[str], cells: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> TableLayout:
    """Choose the largest type at which a table fits, upright before sideways.

    Parameters
    ----------
    headers
        Their lines, each ended by a line feed but the last.
    cells
        Rows of printable text.
    numeric
        Columns that never wrap.
    """
    columns = [[row[j] for row in cells] for j in range(len(headers))]
    natural = [
        max(width(line, 1) for line in [*head.split("\n"), *column])
        for head, column in zip(headers, columns, strict=True)
    ]
    least = {
        j: max(map(_least, [headers[j], *columns[j]]))
        for j, wide in enumerate(natural)
        if not numeric[j] and wide > _WRAPPED
    }
    for line, sizes in _STEPS:
        turned = line == _TURNED
        for command, size, gap in sizes:
            room = line - 2 * gap * (len(headers) - 1) - _SLACK
            if size * sum(natural) <= room:
                return TableLayout(command, size, gap, [None] * len(headers), turned)
        rest = room / size - sum(wide for j, wide in enumerate(natural) if j not in least)
        if least and sum(least.values()) <= rest:
            full = {j: natural[j] for j in least}
            mean = {
                j: sum(width(text, 1) for text in columns[j]) / max(1, len(cells)) for j in least
            }
            shares = _shares(full, mean, least, rest)
            widths = [size * shares[j] if j in shares else None for j in range(len(headers))]
            return TableLayout(command, size, gap, widths, turned)
    return TableLayout(command, size, gap, [None] * len(headers), turned)


def _least(text: str) -> float:
    """Width in em below which a cell cannot wrap: its longest piece."""
    pieces = re.split(rf"[\s{BREAK}]|(?<=-)", breakable(text)) or [""]
    return max(
        min(width(piece, 1), _SYLLABLES) if _WORD.fullmatch(piece) else width(piece, 1)
        for piece in pieces
    )


def _shares(
    natural: dict[int, float], mean: dict[int, float], least: dict[int, float], room: float
) -> dict[int, float]:
    """Widths between the least and the natural one, more for columns that hold more text.

    In proportion to a power of the mean width: one long cell does not take the others' room.
    """
    weight = {j: max(mean[j], 1) ** _EVENNESS for j in natural}
    settled: dict[int, float] = {}
    while shared := natural.keys() - settled.keys():
        left = room - sum(settled.values())
        total = sum(weight[j] for j in shared)
        share = {j: left * weight[j] / total for j in shared}
        short = {j: least[j] for j in shared if share[j] < least[j]}
        full = {j: natural[j] for j in shared if share[j] > natural[j]}
        if not short and not full:
            return settled | share
        settled |= short or full
    return settled


def breakable(text: str) -> str:
    """Mark where ids, paths and numbers without blanks may break; words are hyphenated by TeX."""
    text = re.sub(r"(?<=[_/:=])(?=[^\s_/:=])", BREAK, text)
    return re.sub(rf"[^\s{BREAK}]{{25,}}", lambda m: _anywhere(m[0]), text)


def _anywhere(piece: str) -> str:
    """A piece that no line holds, breakable after each character, unless it is a word."""
    word = _WORD.fullmatch(piece) and len(piece) < 40
    return piece if word else BREAK.join(piece)


def height(row: Sequence[str], layout: TableLayout) -> int:
    """In lines, of which a wrapped cell takes several."""
    return (
        max(
            math.ceil(1.05 * width(text, layout.size) / wide) if wide else 1
            for text, wide in zip(row, layout.widths, strict=True)
        )
        or 1
    )
