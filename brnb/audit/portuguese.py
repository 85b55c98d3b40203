"""Numbers as Portuguese prose writes them: 1.234,5, 8 bilhões, 3,5 mil, 12,5%.

The documents mix both manners: 1,150 parts thousands, 0.9 and 16,8 decimals.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

MAGNITUDES = {
    "mil": 10**3,
    "milhão": 10**6,
    "milhões": 10**6,
    "bilhão": 10**9,
    "bilhões": 10**9,
    "trilhão": 10**12,
    "trilhões": 10**12,
}
_LETTERS = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}  # as in 70B
_GROUPED = r"\d{1,3}(?:[.\u00a0~]\d{3})+|\d{1,3}(?:\\,\d{3})+"
NUMBER = re.compile(
    rf"(?P<sign>[-−+]|\\ensuremath\{{-\}})?(?<![\w.,])(?P<digits>(?:{_GROUPED}|\d+)(?:,\d+|\.\d+)?)"
    r"(?P<letter>[kKMBT](?!\w))?"
    r"(?:\s*\\times\s*10\^\{?(?P<power>-?\d+)\}?)?"
    rf"(?:[\s~]+(?P<magnitude>{'|'.join(sorted(MAGNITUDES, key=len, reverse=True))})\b)?"
    r"(?P<percent>\s*\\?%)?"
)

_OF_A_DOCUMENT = re.compile(
    r"(?<![\w.,])(?:(?P<grouped>\d{1,3}(?:,\d{3})+)|(?P<whole>\d+))"
    r"(?:[.,](?P<decimals>\d+))?(?![.,]?\d)"
)


def in_manner_of(text: str, lang: str) -> str:
    """A document's text with its numbers as a language writes them: 1.150,5 or 1,150.5."""
    point, comma = (",", ".") if lang == "pt" else (".", ",")

    def written(match: re.Match[str]) -> str:
        whole = match["whole"] or match["grouped"].replace(",", comma)
        return whole + (f"{point}{match['decimals']}" if match["decimals"] else "")

    return _OF_A_DOCUMENT.sub(written, text)


@dataclass(frozen=True)
class Written:
    """A number in a text.

    Attributes
    ----------
    text
        As written.
    value, step
        Its value, and one unit of its last digit; a percentage counts in percent.
    percent
        Whether it is a percentage.
    digits
        Significant digits written.
    """

    text: str
    value: Decimal
    step: Decimal
    percent: bool
    digits: int

    @property
    def corners(self) -> tuple[float, float]:
        """What rounds to the written digits lies between these."""
        return float(self.value - self.step / 2), float(self.value + self.step / 2)


def read_written(match: re.Match[str]) -> Written:
    """Make a number of a match of `NUMBER`; points part thousands, a comma decimals.

    A lone point before other than three digits is taken for a decimal point, as English has it.
    """
    digits = re.sub(r"[\u00a0~\s]|\\,", "", match["digits"])
    digits = re.sub(r"\.(?=\d{3}(?!\d))", "", digits).replace(",", ".")
    exponent = Decimal(digits).as_tuple().exponent
    assert isinstance(exponent, int)
    scale = Decimal(10) ** int(match["power"] or 0) * MAGNITUDES.get(match["magnitude"] or "", 1)
    scale *= _LETTERS.get(match["letter"] or "", 1)
    sign = -1 if match["sign"] and match["sign"] not in "+" else 1
    return Written(
        match[0].strip(),
        sign * Decimal(digits) * scale,
        Decimal(1).scaleb(exponent) * scale,
        bool(match["percent"]),
        len(digits.replace(".", "").strip("0") or "0"),
    )
