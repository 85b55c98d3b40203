"""Sentences that say a result: words from the labels, numbers as each language writes them.

>>> from brnb.report.sentences import enumerated
>>> enumerated(["v1", "v2", "v3"], "pt")
'v1, v2 e v3'
"""

import re
import string
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from brnb.report.labels import format_number, is_missing, label

_SPEC = re.compile(r"(\+?)(\d*)(g?)(%?)")
_AND = {"pt": "e", "en": "and"}


def fill_sentence(id: str, lang: str, **values: Any) -> str:
    """Fill the label `id` with values; its fields say how each number is written.

    Parameters
    ----------
    id
        Of a label with fields; their specs say how each number is written. ``{loss:3}`` has three
        decimals, ``{share:1%}`` is a share printed as a percentage with one; ``{speed:3g}`` and
        ``{share:2g%}`` have three and two significant digits, as a power of ten if tiny or huge;
        ``+`` first prints the sign of a gain too; ``{count}`` prints a number as `format_number`
        does.
        After a ``|`` the label has its singular, which is taken where `count` is 1.
    lang
        "pt" or "en".
    **values
        Of the fields. Texts are taken as they are; missing values print as "–".

    Raises
    ------
    KeyError
        If the label has a field that no value fills, or there is no such label.
    """
    plural, _, singular = label(id, lang).partition("|")
    text = singular if singular and values.get("count") == 1 else plural
    return _Writer(lang).vformat(text, (), values)


def writer(lang: str) -> Callable[[Any, str], str]:
    """Return ``say(value, "1%")``, which writes one number as a field of `fill_sentence` would."""
    return _Writer(lang).format_field


def enumerated(names: Sequence[str], lang: str) -> str:
    """Return names as a sentence enumerates them: ``v1, v2 e v3``.

    Semicolons part names that have commas themselves: ``v4, 4k, GRU; v5, 4k; e v7``.
    """
    *first, last = names
    if not first:
        return last
    if any(", " in name for name in names):
        return f"{'; '.join(first)}; {_AND[lang]} {last}"
    return f"{', '.join(first)} {_AND[lang]} {last}"


def capitalised(text: str) -> str:
    """Return a text with a large first letter; the others stay, unlike in `str.capitalize`."""
    return text[0].upper() + text[1:]


class _Writer(string.Formatter):
    def __init__(self, lang: str) -> None:
        self.lang = lang

    def format_field(self, value: Any, spec: str) -> str:
        if isinstance(value, str) or is_missing(value):
            return format_number(value, self.lang)
        form = _SPEC.fullmatch(spec)
        if form is None:
            raise ValueError(f"field {spec!r}: use digits, then g or %, e.g. 3, 1%, 3g, 2g%, +2")
        sign, digits, significant, percent = form.groups()
        value = getattr(value, "item", lambda: value)() * (100 if percent else 1)
        places = int(digits) if digits else None
        if significant and places is not None:
            value = Decimal(f"{value:.{places - 1}e}")
            extreme = value and not -5 < value.adjusted() < 15
            places = None if extreme else max(0, places - 1 - value.adjusted())
        text = format_number(value, self.lang, places, percent or None)
        return f"+{text}" if sign and value > 0 else text
