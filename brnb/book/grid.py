"""HTML tables of the book's own pages."""

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """Header of a column, whether its cells are numbers, and whether readers choose among them."""

    header: str
    is_numeric: bool = False
    is_choice: bool = False


def grid(
    id: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    filter: str = "",
) -> str:
    """A table in a frame that scrolls below its caption.

    Parameters
    ----------
    id
        Anchor of the frame.
    caption
        Text.
    columns, rows
        Cells are HTML.
    filter
        Name of the field by which a script lets readers filter rows; none without it.
    """
    head = "".join(_header(column) for column in columns)
    body = "\n".join(f"<tr>{_row(columns, row)}</tr>" for row in rows)
    filtered = f' data-filter="{html.escape(filter, quote=True)}"' if filter else ""
    return (
        f'<figure class="exhibit table-exhibit" id="{id}"{filtered}>\n'
        f'<figcaption id="{id}-caption">{html.escape(caption)}</figcaption>\n'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{id}-caption">\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div></figure>"
    )


def _header(column: Column) -> str:
    choice = " data-choice" if column.is_choice else ""
    return f'<th scope="col"{_aligned(column)}{choice}>{html.escape(column.header)}</th>'


def _row(columns: Sequence[Column], row: Sequence[str]) -> str:
    cells = zip(columns, row, strict=True)
    return "".join(f"<td{_aligned(column)}>{cell}</td>" for column, cell in cells)


def _aligned(column: Column) -> str:
    return ' class="number"' if column.is_numeric else ""
