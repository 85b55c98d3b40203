"""Numbers that the dissertation prints, as ``\\brnb{published.tab07.v1.ppl}`` in LaTeX."""

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from brnb.report import numbers
from brnb.thesis import load

_KEYS: tuple[str, ...] = (
    "run",
    "gpu",
    "component",
    "task",
    "model",
    "strategy",
    "approach",
    "level",
    "method",
)
_KEYS += ("name", "format")
_DERIVED = {"bytes_per_s"}  # ours, for calculations
_AS_PRINTED = {"time", "memory", "quality"}  # Table 14: O(n²d), ~95%
_NAMES = {"sft": "adapted", "sft_sd": "adapted_sd"}


def published_numbers() -> dict[str, dict[str, Any]]:
    """Every number of Tables 1 to 21 by id, with the decimals that are printed.

    A row is named by its run, GPU, task or the like, and by what else tells it from the others:
    ``published.tab13.qa.em.adapted``, ``published.tab12.cpt_qlora_llama31_8b_brwac10k.base.ppl``.
    """
    tables = {
        **load("published"),
        **{name: load("economics", name) for name in ("tab05", "tab20", "tab21")},
        **{name: load("infrastructure", name) for name in ("tab15", "tab16", "tab17", "tab18")},
        "tab14": {"rows": load("attention", "tab14")},
    }
    entries: dict[str, dict[str, Any]] = {}
    for table, facts in sorted(tables.items()):
        rows = facts["rows"] + ([facts["total"] | {"run": "total"}] if "total" in facts else [])
        for row in rows:
            for name, value in _values(row):
                entries[f"published.{table}.{_row_name(row)}.{name}"] = value
    return entries


def render_published(lang: str) -> str:
    """The text of ``published.tex``, which ``brnb.sty`` reads beside ``numbers.tex``."""
    entries = published_numbers()
    if lang == "pt":
        for entry in entries.values():
            if isinstance(entry["value"], str):
                entry["value"] = re.sub(r"(?<=\d)\.(?=\d)", ",", entry["value"])
    return numbers.render(entries, lang)


def _row_name(row: dict[str, Any]) -> str:
    key = next(name for name in _KEYS if row.get(name))
    parts = [str(row[key]) if key == "run" else slug(row[key].partition(" (")[0])]
    if "metric" in row:
        parts.append(slug(row["metric"]))
    if "adapted" in row:
        parts.append("adapted" if row["adapted"] else "base")
    return ".".join(parts)


def _values(row: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, text in row.items():
        if isinstance(text, str):
            value = _number(text)
            if value is not None and name not in _DERIVED:
                yield _NAMES.get(name, name), value
            elif name in _AS_PRINTED:
                yield name, {"value": text}
        elif name == "printed":  # cells with units, in the order of the columns
            for place, cell in enumerate(text, start=1):
                if re.search(r"\d", cell):
                    yield f"column{place}", {"value": cell}


def _number(text: str) -> dict[str, Any] | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else None
    return {"value": number, "decimals": places}


def slug(text: str) -> str:
    """ASCII of a name for an id: "QA" gives qa, "Sumarização" sumarizacao."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
