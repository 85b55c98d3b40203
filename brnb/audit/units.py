"""Units in Portuguese prose, and the unit that a recorded number's name tells."""

import re
from collections.abc import Iterator, Mapping

from brnb.audit.latex_source import BRNB, Line
from brnb.audit.sentences import Fault

_WORDS = {  # as written, by what it stands for
    "s": ("s", "segundo", "segundos"),
    "ms": ("ms",),
    "min": ("min", "minuto", "minutos"),
    "h": ("h", "hora", "horas"),
    "day": ("dia", "dias"),
    "month": ("mês", "meses"),
    "year": ("ano", "anos"),
    "MB": ("MB",),
    "GB": ("GB",),
    "TB": ("TB",),
    "GiB": ("GiB",),
    "GB/s": ("GB/s",),
    "TB/s": ("TB/s",),
    "W": ("W", "watts"),
    "kWh": ("kWh",),
    "TFLOPS": ("TFLOPS", "TFLOP/s"),
    "PFLOPS": ("PFLOPS", "PFLOP/s"),
    "USD": ("USD", "dólar", "dólares"),
    "BRL": ("BRL", "real", "reais"),
}
UNITS = {word: unit for unit, words in _WORDS.items() for word in words}
ENDINGS = {  # of a recorded number's name
    "seconds": "s",
    "hours": "h",
    "days": "day",
    "usd": "USD",
    "brl": "BRL",
    "gb": "GB",
    "gib": "GiB",
    "watts": "W",
    "kwh": "kWh",
}
_AFTER = re.compile(r"[\s~]*(?:\\text\{\s*)?([A-Za-zÀ-ÿ]+(?:/s)?)")
_CURRENCY = re.compile(r"(US|R)\\?\$[\s~]*$")


def unit_after(text: str, place: int) -> str | None:
    """The unit whose word follows a place of a text, None if no unit does."""
    word = _AFTER.match(text, place)
    return UNITS.get(word[1]) if word else None


def end_of_unit(text: str, place: int) -> int:
    """Where the unit after a place of a text ends; the place itself if none follows."""
    word = _AFTER.match(text, place)
    return word.end() if word and word[1] in UNITS else place


def unit_in(text: str) -> str | None:
    """The unit that a printed number has behind it."""
    words = re.findall(r"[A-Za-zÀ-ÿ]+(?:/s)?", text.replace("\\text", " ").replace("\\times", " "))
    return UNITS.get(words[-1]) if words else None


def wrong_units(line: Line, numbers: Mapping[str, str]) -> Iterator[Fault]:
    """Recorded numbers whose name says one unit and whose line another."""
    for match in BRNB.finditer(line.text):
        told = ENDINGS.get(re.split(r"[._]", match[1])[-1])
        written = unit_after(line.text, match.end()) or _currency(line.text[: match.start()])
        if told and written and told != written and match[1] in numbers:
            text = f"\\brnb{{{match[1]}}} is in {told}, and the line says {written}"
            yield Fault(line.file, line.number, "unit", text)


def _currency(before: str) -> str | None:
    sign = _CURRENCY.search(before)
    return {"US": "USD", "R": "BRL"}[sign[1]] if sign else None
