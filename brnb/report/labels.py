"""Every label in Portuguese and English by id, and numbers as each language writes them."""

import difflib
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from numbers import Real
from typing import Any

from brnb import data

MISSING = "–"
_SEPARATORS = {"pt": (",", "."), "en": (".", ",")}  # decimal, thousands
_SIGNIFICANT = 6  # digits of a float printed without `decimals`
_CURRENCY = {"USD": "US$", "BRL": "R$"}
_ID = re.compile(r"[a-z][a-z0-9_]*")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@cache
def _labels() -> dict[str, dict[str, Any]]:
    labels: dict[str, dict[str, Any]] = data.read("report/labels.yaml")
    return labels


def find_label(id: str, lang: str) -> str | None:
    """Return the label of `id` in `lang` ("pt" or "en"), or None if there is no such id."""
    if lang not in _SEPARATORS:
        raise ValueError(f"language {lang!r}: use 'pt' or 'en'")
    if id in _labels():
        text: str = _labels()[id][lang]
        return text
    for pattern, entry in _patterns():
        if match := pattern.fullmatch(id):
            values = match.groupdict()
            if "run" in values:
                values["run"] = run_name(match["run"], lang)
            if "id" in values:
                values["id"] = find_label(match["id"], lang)
            if None not in values.values():
                return entry[lang].format(**values)
    return None


def run_name(run: str, lang: str) -> str:
    """What a run is called in print: "v4, 4k, LSTM" for ``v4k_bf_lstm_ep2``; else its id."""
    name: str = _run_names().get(run, {}).get(lang, run)
    return name


@cache
def _run_names() -> dict[str, dict[str, str]]:
    names: dict[str, dict[str, str]] = data.read("report/run_names.yaml")
    return names


def name_in(column: str, id: str, lang: str) -> str:
    """What an id is called in a column of any table; of a text, the runs in it by their names."""
    if not _ID.fullmatch(id):
        return re.sub(r"\w+_\w+", lambda part: run_name(part[0], lang), id)
    named = run_name(id, lang)
    told = named if named != id else find_label(id, lang)
    return find_label(f"{column}_{id}", lang) or told or id


def place(id: str, lang: str) -> str | None:
    """Where the dissertation has a table or figure: "Tabela 7 da dissertação, 4.4.1.3"."""
    where = data.read("report/places.yaml").get(id)
    kind = "place_figure" if id.startswith("fig") else "place_table"
    return label(kind, lang).format(**where) if where else None


def full_caption(id: str, lang: str) -> str | None:
    """The caption of a table or figure with its place in the dissertation, if it has a label."""
    caption, where = find_label(id, lang), place(id, lang)
    return f"{caption.rstrip('.')} ({where})." if caption and where else caption


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, str]]]:
    """Labels whose id has a ``{run}``, which stands for any version (v1, v6_130m), or an ``{id}``,
    which stands for that of another label and, in the text, for what that one says.
    """
    parts = {"{run}": r"(?P<run>v\d\w*)", "{id}": r"(?P<id>[\w-]+)"}
    return [
        (re.compile(id.replace(part, expression)), entry)
        for id, entry in _labels().items()
        for part, expression in parts.items()
        if part in id
    ]


def default_decimals(id: str) -> int | None:
    """Decimals that a column of this id has unless a table says otherwise, if it has a default."""
    decimals: int | None = _labels().get(id, {}).get("decimals")
    return decimals


def quantity_kind(id: str) -> str | None:
    """Whether each value of a column has a unit of its own: "hours", "billions" or neither."""
    kind: str | None = _labels().get(id, {}).get("quantity")
    return kind


def label(id: str, lang: str) -> str:
    """Return the label of `id` in `lang` ("pt" or "en").

    Raises
    ------
    KeyError
        If no label has this id; the message names the nearest ones and the file to add it to.
    """
    text = find_label(id, lang)
    if text is None:
        near = difflib.get_close_matches(id, _labels(), n=3, cutoff=0.5)
        hint = f"nearest: {', '.join(near)}; " if near else ""
        raise KeyError(f"no label {id!r} ({hint}add it to brnb/report/labels.yaml in pt and en)")
    return text


def decimal_point(lang: str) -> str:
    """Comma in Portuguese, point in English."""
    return _SEPARATORS[lang][0]


def is_missing(value: Any) -> bool:
    """Tell whether `value` is None, NaN, pandas.NA or pandas.NaT, without importing pandas."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, Decimal, Real)) and bool(value != value)


def format_number(
    value: Any,
    lang: str,
    decimals: int | None = None,
    unit: str | None = None,
    grouped: int = 5,
) -> str:
    """Write a number as the language does: 12.345,68 (pt), 12,345.68 (en).

    Parameters
    ----------
    value : number, str or None
        None and NaN give "–". A str is taken as it is.
    lang : str
        "pt" or "en".
    decimals : int, optional
        Decimals to print, rounded half up on the decimal literal. Without it integers print all
        digits, and anything else what its literal has, fractions up to six significant digits.
    unit : str, optional
        "%" follows without a space, "USD" and "BRL" stand before, any other unit after a space.
        The value is not scaled.
    grouped : int
        Digits from which thousands are set apart: 2024 and 4096 stay as they are.

    Returns
    -------
    str
        Unicode, with a true minus sign and no-break spaces.
    """
    if is_missing(value):
        return MISSING
    text = (
        value if isinstance(value, str) else _digits(Decimal(str(value)), lang, decimals, grouped)
    )
    if unit is None:
        return text
    if unit in _CURRENCY:
        return f"{_CURRENCY[unit]}\N{NO-BREAK SPACE}{text}"
    return f"{text}%" if unit == "%" else f"{text}\N{NO-BREAK SPACE}{unit}"


def _digits(number: Decimal, lang: str, decimals: int | None, grouped: int) -> str:
    point, thousands = _SEPARATORS[lang]
    if number.is_infinite():
        return "∞" if number > 0 else "−∞"
    exponent = number.adjusted()
    if decimals is None and number and not -5 < exponent < 15:
        mantissa = _digits(number.scaleb(-exponent), lang, None, grouped)
        return f"{mantissa}\u202f×\u202f10{str(exponent).translate(_SUPERSCRIPT)}"
    places = _natural_places(number) if decimals is None else decimals
    rounded = number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    if len(whole) >= grouped:
        whole = f"{int(whole):,}".replace(",", thousands)
    sign = "−" if rounded < 0 else ""
    return sign + whole + (point + fraction if fraction else "")


def _natural_places(number: Decimal) -> int:
    """Decimals that the literal has, at most those of six significant digits."""
    if number == number.to_integral_value() and len(str(number)) > _SIGNIFICANT:
        return 0
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # infinities and NaN never come here
    room = max(0, _SIGNIFICANT - 1 - number.adjusted())
    if -exponent <= room:
        return max(0, -exponent)
    rounded = number.quantize(Decimal(1).scaleb(-room), rounding=ROUND_HALF_UP).normalize()
    return max(0, -int(rounded.as_tuple().exponent))
