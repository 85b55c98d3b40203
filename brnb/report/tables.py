"""A data frame as a record (CSV), as a LaTeX table and as HTML, in Portuguese or English."""

import csv
import html
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.report.labels import (
    MISSING,
    decimal_point,
    default_decimals,
    find_label,
    format_number,
    full_caption,
    is_missing,
    label,
    name_in,
    place,
    quantity_kind,
)
from brnb.report.quantities import format_quantity
from brnb.report.tabular import tabular

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LABEL_ID = re.compile(r"[a-z][a-z0-9_]*")
NAMED = (
    "run", "model", "base_model", "against", "rival", "variant", "shape", "split", "unit",
    "price_list",
)  # fmt: skip
"""Columns of ids that print as names: the label ``<column>_<id>``, the run's, or ``<id>``."""


class AsPrinted(Decimal):
    """A number whose own decimals are printed, whatever its column has: ``AsPrinted("2.0")``."""


def frame(rows: Any) -> "pd.DataFrame":
    """Rows, or columns by name, as a data frame whose cells stay what they are.

    Without ``dtype=object`` a column with a None in it becomes floats.
    """
    import pandas as pd

    return pd.DataFrame(rows, dtype=object)


def check_id(id: str) -> str:
    """Return `id` if it can name a file and a LaTeX label, else raise ValueError."""
    if not _ID.fullmatch(id):
        raise ValueError(
            f"id {id!r}: use letters, digits, '-' and '_', e.g. 'tab07', 'fig-v6-loss'"
        )
    return id


@dataclass(frozen=True)
class Table:
    """A table ready to print: every header and cell is text in the table's language."""

    id: str
    lang: str
    caption: str
    headers: list[str]
    cells: list[list[str]]
    numeric: list[bool]
    bold: frozenset[tuple[int, int]]
    note: str | None = None

    def __repr__(self) -> str:
        return self.caption or self.id

    def latex(self) -> str:
        """Return a booktabs table; see `brnb.report.tabular`."""
        return tabular(
            self.id,
            self.caption,
            self.headers,
            self.cells,
            self.numeric,
            self.bold,
            label("continued", self.lang),
            note=self.note,
            point=decimal_point(self.lang),
        )

    def html(self) -> str:
        """Return an HTML table; every text is escaped."""
        align = ["right" if numeric else "left" for numeric in self.numeric]
        head = "".join(
            f'<th scope="col" style="text-align: {side}">{html.escape(text)}</th>'
            for text, side in zip(self.headers, align, strict=True)
        )
        rows = []
        for i, row in enumerate(self.cells):
            cells = []
            for j, text in enumerate(row):
                shown = html.escape(text)
                shown = f"<strong>{shown}</strong>" if (i, j) in self.bold else shown
                cells.append(f'<td style="text-align: {align[j]}">{shown}</td>')
            rows.append(f"<tr>{''.join(cells)}</tr>\n")
        foot = ""
        if self.note:
            note = f'<td colspan="{len(align)}">{html.escape(self.note)}</td>'
            foot = f"<tfoot><tr>{note}</tr></tfoot>\n"
        return (
            f"<table>\n<caption>{html.escape(self.caption)}</caption>\n"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n{foot}</table>"
        )

    def _repr_html_(self) -> str:
        return self.html()


def display(
    frame: "pd.DataFrame",
    id: str,
    *,
    lang: str,
    caption: str | None = None,
    decimals: Mapping[str, int | None] | int | None = None,
    bold: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Table:
    """Format a frame for print; in a notebook the result shows itself.

    Parameters
    ----------
    frame : pandas.DataFrame
        A named index becomes columns; the default index is dropped. Missing values print as "–".
    id : str
        Names the files and the LaTeX label: ``\\ref{tab:<id>}``. A column without any value is left
        out and named below, but for the dissertation's own tables, which keep all.
    lang : str
        "pt" or "en".
    caption : str, optional
        Default: the label with this id.
    decimals : int or mapping of column to int or None, optional
        Decimals of numeric columns, rounded half up; integers are never given decimals. Columns
        without an entry have those that stand with their label, and without these, or with None,
        print as `format_number` does.
    bold : mapping of column to "max" or "min", optional
        Best value of a column; values that print the same are all bold.
    headers : mapping of column to str, optional
        Printed header. Default: the label of a column named like an id (``val_loss``), which must
        exist; any other name (``"Perda (nats)"``, ``"PPL"``) is printed as it is.

    Raises
    ------
    ValueError
        Bad id, duplicate columns, an unnamed index, or `decimals`/`bold`/`headers` that name a
        column which the frame lacks.
    KeyError
        No label for the caption or for a header; the message names the nearest.
    """
    flat = _flatten(frame)
    columns = [str(name) for name in flat.columns]
    _check_columns(columns, decimals=decimals, bold=bold, headers=headers)
    cells, numeric, best = [], [], set()
    content = {name: _values(flat.iloc[:, j]) for j, name in enumerate(columns)}
    empty = [name for name in columns if place(id, lang) is None and _is_empty(content[name])]
    columns = [name for name in columns if name not in empty] or columns
    for j, name in enumerate(columns):
        values = content[name]
        texts = _texts(name, values, lang, _places(name, decimals))
        cells.append(texts)
        numeric.append(_is_numeric(values))
        if bold and name in bold:
            best |= {(i, j) for i in _best(values, texts, bold[name], name)}
    return Table(
        id=check_id(id),
        lang=lang,
        caption=_caption(id, lang) if caption is None else caption,
        headers=[_header(name, lang, headers or {}) for name in columns],
        cells=[list(row) for row in zip(*cells, strict=True)],
        numeric=numeric,
        bold=frozenset(best),
        note=_note(id, [_header(name, lang, headers or {}) for name in empty], lang),
    )


def write_table(
    folder: Path, id: str, frame: "pd.DataFrame", *, lang: str, **options: Any
) -> list[Path]:
    """Write ``<id>.csv`` (unrounded, decimal points) and ``<id>.tex``; options as in `display`.

    Returns
    -------
    list of Path
        The CSV file, then the LaTeX file.
    """
    table = display(frame, id, lang=lang, **options)
    folder.mkdir(parents=True, exist_ok=True)
    record, tex = folder / f"{id}.csv", folder / f"{id}.tex"
    record.write_text(_csv(frame), encoding="utf-8", newline="\n")
    tex.write_text(table.latex(), encoding="utf-8", newline="\n")
    return [record, tex]


def _flatten(frame: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    if isinstance(frame.columns, pd.MultiIndex):
        raise ValueError("columns have several levels: give each column one name")
    if not frame.columns.is_unique:
        twice = sorted({str(c) for c in frame.columns[frame.columns.duplicated()]})
        raise ValueError(f"columns appear twice: {', '.join(twice)}")
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        return frame
    if None in frame.index.names:
        raise ValueError(
            "the index has no name: call frame.reset_index(drop=True), or name it to print it"
        )
    return frame.reset_index()


def _check_columns(columns: list[str], **options: Any) -> None:
    for option, value in options.items():
        unknown = (
            [name for name in value if name not in columns] if isinstance(value, Mapping) else []
        )
        if unknown:
            raise ValueError(
                f"{option} names columns that the table lacks: {', '.join(unknown)}; "
                f"it has: {', '.join(columns)}"
            )


def _values(column: "pd.Series[Any]") -> list[Any]:
    """Python values of a column, with the integers that pandas made floats for a missing cell."""
    values = [None if is_missing(value) else _plain(value) for value in column.tolist()]
    known = [value for value in values if value is not None]
    upcast = len(known) < len(values) and all(
        isinstance(value, float) and value.is_integer() for value in known
    )
    return [None if v is None else int(v) for v in values] if upcast else values


def _plain(value: Any) -> Any:
    """Python's number for one of numpy, which a column of objects keeps as it is."""
    return value.item() if hasattr(value, "item") else value


def _is_numeric(values: list[Any]) -> bool:
    """Whether nothing but numbers is there; a column of nothing at all counts as numbers."""
    return all(value is None or _is_number(value) for value in values)


def _places(name: str, decimals: Mapping[str, int | None] | int | None) -> int | None:
    if isinstance(decimals, int):
        return decimals
    return decimals[name] if decimals and name in decimals else default_decimals(name)


def _texts(name: str, values: list[Any], lang: str, places: int | None) -> list[str]:
    """Cells of a column; runs, models and splits by their names, quantities with their units."""
    if name in NAMED:
        return [MISSING if v is None else name_in(name, str(v), lang) for v in values]
    if name == "text":
        values = [v if v is None or str(v).strip() else label("empty_text", lang) for v in values]
    kind = quantity_kind(name)
    # 8.192 beside 16.384, but 2024 in a column of years
    large = any(_is_number(v) and abs(v) >= 10_000 for v in values)
    return [
        format_quantity(v, kind, lang)
        if kind and _is_number(v)
        else _text(v, lang, places, 4 if large else 5)
        for v in values
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _text(value: Any, lang: str, places: int | None, grouped: int) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return label("yes" if value else "no", lang)
    if isinstance(value, int):
        return format_number(value, lang, grouped=grouped)
    if isinstance(value, AsPrinted):
        places = max(0, -int(value.as_tuple().exponent))
        return format_number(value, lang, places, grouped=grouped)
    if isinstance(value, (float, Decimal)):
        return format_number(value, lang, _enough(value, places), grouped=grouped)
    return str(value)


def _enough(value: float | Decimal, places: int | None) -> int | None:
    """Decimals that show at least one digit of a small value: 0,00003 is not 0,000."""
    number = Decimal(str(value))
    if places is None or not number.is_finite() or not number:
        return places
    needed = -number.adjusted()
    return max(places, needed) if needed <= places + 3 else places


def _is_empty(values: list[Any]) -> bool:
    return bool(values) and all(value is None for value in values)


def _note(id: str, empty: list[str], lang: str) -> str | None:
    """The label ``<id>-note``, and the columns that have no value at all and are left out."""
    absent = label("no_values", lang).format(columns=", ".join(empty)) if empty else None
    return " ".join(filter(None, [find_label(f"{id}-note", lang), absent])) or None


def _caption(id: str, lang: str) -> str:
    return full_caption(id, lang) or label(id, lang)


def _best(values: list[Any], texts: list[str], which: str, name: str) -> list[int]:
    if which not in ("max", "min"):
        raise ValueError(f"bold[{name!r}] is {which!r}: use 'max' or 'min'")
    if not _is_numeric(values):
        raise ValueError(f"bold[{name!r}]: the column is not numeric")
    known = [(value, text) for value, text in zip(values, texts, strict=True) if value is not None]
    winner = (max if which == "max" else min)(known, key=lambda pair: pair[0])[1]
    return [i for i, text in enumerate(texts) if text == winner]


def _header(name: str, lang: str, headers: Mapping[str, str]) -> str:
    if name in headers:
        return headers[name]
    return label(name, lang) if _LABEL_ID.fullmatch(name) else name


def _csv(frame: "pd.DataFrame") -> str:
    flat = _flatten(frame)
    columns = [_values(flat.iloc[:, j]) for j in range(flat.shape[1])]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(_inert, flat.columns))
    writer.writerows(map(_inert, row) for row in zip(*columns, strict=True))
    return out.getvalue()


def _inert(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: texts that begin like one get a quote."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value
