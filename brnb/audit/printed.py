"""Numbers as documents print them: LaTeX, Portuguese and English forms, units and magnitudes."""

import re
from dataclasses import dataclass
from decimal import Decimal

SUFFIXES = {  # what may follow a number: its unit for the registry, and a factor
    "": ("", 1),
    "%": ("percent", 1),
    "x": ("", 1),
    "×": ("", 1),
    "vezes": ("", 1),
    "K": ("", 10**3),
    "k": ("", 10**3),
    "mil": ("", 10**3),
    "M": ("", 10**6),
    "milhões": ("", 10**6),
    "milhões de dólares": ("USD", 10**6),
    "B": ("", 10**9),
    "bilhões": ("", 10**9),
    "T": ("", 10**12),
    "trilhões": ("", 10**12),
    "h": ("hour", 1),
    "horas": ("hour", 1),
    "GPU-h": ("hour", 1),
    "horas de GPU": ("hour", 1),
    "GPU-hours": ("hour", 1),
    "dias": ("day", 1),
    "months": ("month", 1),
    "segundos": ("second", 1),
    "s": ("second", 1),
    "ms": ("millisecond", 1),
    "μs": ("microsecond", 1),
    "GPU-anos": ("year", 1),
    "anos": ("year", 1),
    "bytes": ("byte", 1),
    "bytes/s": ("byte/second", 1),
    "KB": ("kilobyte", 1),
    "MB": ("megabyte", 1),
    "GB": ("gigabyte", 1),
    "TB": ("terabyte", 1),
    "PB": ("petabyte", 1),
    "GB/s": ("gigabyte/second", 1),
    "TB/s": ("terabyte/second", 1),
    "PB/s": ("petabyte/second", 1),
    "Gb/s": ("gigabit/second", 1),
    "FLOPs": ("FLOP", 1),
    "FLOPs/s": ("FLOP/second", 1),
    "GFLOPS": ("gigaFLOP/second", 1),
    "TFLOPS": ("teraFLOP/second", 1),
    "PetaFLOPS": ("petaFLOP/second", 1),
    "ExaFLOPS": ("exaFLOP/second", 1),
    "FLOP/byte": ("FLOP/byte", 1),
    "TFLOPS/W": ("teraFLOP/second/watt", 1),
    "TFLOPS/$": ("teraFLOP/second*hour/USD", 1),
    "W": ("watt", 1),
    "pJ": ("picojoule", 1),
    "bits": ("bit", 1),
    "bit": ("bit", 1),
    "tokens": ("token", 1),
    "k tokens": ("token", 10**3),
    "K tokens": ("token", 10**3),
    "B tokens": ("token", 10**9),
    "T tokens": ("token", 10**12),
    "parâmetros": ("", 1),
    "B parâmetros": ("", 10**9),
    "/kWh": ("1/kWh", 1),
    "tokens/s": ("token/second", 1),
}
_SIGNS = {"\\approx": "≈", "≈": "≈", "~": "≈", "\\sim": "≈", "∼": "≈", "<": "<", ">": ">"}
_SIGNS |= {"\\leq": "≤", "≤": "≤", "\\geq": "≥", "≥": "≥", "=": "=", "<=": "≤", ">=": "≥"}
_NUMBER = r"[-+−]?(?:\d{1,3}(?:[ ,]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+)"
_POWER = r"(?:\s*×?\s*10\^(?P<exponent>-?\d+)|e(?P<short>[-+]?\d+))"
_FORM = re.compile(
    rf"(?P<sign>[<>≤≥≈=]?)\s*(?P<dollar>(?:US)?\$|USD)?\s*(?P<low>{_NUMBER})"
    rf"(?:\s*[-–]\s*(?P<high>{_NUMBER}))?{_POWER}?\s*(?P<suffix>.*)"
)
_BARE_POWER = re.compile(
    r"(?P<sign>[<>≤≥≈=]?)\s*(?P<base>\d+)\^(?P<exponent>-?\d+)\s*(?P<suffix>.*)"
)


class UnreadableNumber(ValueError):
    """A text that is not a number with a known unit."""


@dataclass(frozen=True)
class Printed:
    """A number as printed.

    Attributes
    ----------
    text
        As it stands in the document.
    low, high
        The value; both are equal unless a range is printed.
    step
        One unit of the last printed digit, in the number's own magnitude.
    unit
        For the registry of `brnb.audit.expression`; empty where none is printed.
    sign
        One of ``= < > ≤ ≥ ≈``.
    """

    text: str
    low: Decimal
    high: Decimal
    step: Decimal
    unit: str = ""
    sign: str = "="

    @property
    def value(self) -> float:
        """The number, or the middle of a range."""
        return float((self.low + self.high) / 2)

    @property
    def corners(self) -> tuple[float, float]:
        """What rounds to the printed digits lies between these."""
        return float(self.low - self.step / 2), float(self.high + self.step / 2)


def plain(text: str) -> str:
    r"""Write LaTeX as plain characters: ``2.52 \times 10^{6}`` gives ``2.52 × 10^6``."""
    text = re.sub(r"\\text(?:bf|it)?\{([^{}]*)\}|\\mathbf\{([^{}]*)\}", r"\1\2", text)
    text = re.sub(r"\^\{([^{}]*)\}", r"^\1", text)
    text = re.sub(r"(?<!\\)\$(?!\s*\d)", " ", text)  # a mark of mathematics, not of dollars
    text = re.sub(r"(?<!\d)[–−](?=\d)", "-", text)
    replacements = {"\\times": "×", "\\$": "$", "\\%": "%", "\\,": " ", "\\mu": "μ", "−": "-"}
    for latex, character in (*replacements.items(), *_SIGNS.items()):
        text = text.replace(latex, character)
    return " ".join(text.replace("{", "").replace("}", "").replace("*", "").split())


def read_printed(text: str) -> Printed:
    r"""Read a number with its unit, as a document prints it.

    ``1,150`` and ``65 536`` are thousands, ``16,8`` is a decimal comma; ``\$7.5M``, ``8 bilhões``,
    ``5-10x`` and ``2.52 \times 10^6 \text{ segundos}`` are understood.

    Raises
    ------
    UnreadableNumber
        If the text is no number or its unit is not in `SUFFIXES`.
    """
    simple = plain(text)
    power = _BARE_POWER.fullmatch(simple)
    if power:
        value = Decimal(power["base"]) ** int(power["exponent"])
        step = value / 10 if power["base"] == "10" else Decimal(0)
        unit, factor = _suffix(power["suffix"], text)
        return Printed(
            text, value * factor, value * factor, step * factor, unit, power["sign"] or "="
        )
    form = _FORM.fullmatch(simple)
    if form is None:
        raise UnreadableNumber(f"{text!r} is not a number")
    unit, factor = _suffix(form["suffix"], text)
    if form["dollar"]:
        unit = f"USD{'*' + unit if unit and unit[0] != '1' else unit[1:]}" if unit else "USD"
    scale = Decimal(10) ** int(form["exponent"] or form["short"] or 0) * factor
    low = _decimal(form["low"])
    high = low if form["high"] is None else _decimal(form["high"])
    exponent = low.as_tuple().exponent
    assert isinstance(exponent, int)
    step = Decimal(1).scaleb(exponent) * scale
    return Printed(text, low * scale, high * scale, step, unit, form["sign"] or "=")


def _decimal(digits: str) -> Decimal:
    digits = digits.replace(" ", "").replace("−", "-")
    if re.search(r",\d{3}(?!\d)", digits):
        digits = digits.replace(",", "")
    return Decimal(digits.replace(",", "."))


def _suffix(suffix: str, text: str) -> tuple[str, int]:
    try:
        return SUFFIXES[suffix.strip()]
    except KeyError:
        raise UnreadableNumber(f"{text!r}: unit {suffix!r} is not in SUFFIXES") from None
