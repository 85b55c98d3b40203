"""Normalisation that hostile text cannot make slow.

NFC sorts runs of combining marks, in time quadratic in their length: 120 KB of them take seconds,
and a line may have 64 MiB. No language writes more than a handful (UAX #15 calls text with at most
30 stream-safe).
"""

import re
import sys
import unicodedata
from functools import cache

MOST = 1000  # combining marks in a row, far beyond any language
# Bytes of UTF-8 that begin no combining mark; U+2000 to U+2FFF, of quotes and dashes, hold a few.
_ORDINARY = bytes([*range(0xCC), 0xE2])
_SYMBOL_MARKS = b"\xe2\x83"
_HIGH = re.compile(f"[\u0300-{chr(sys.maxunicode)}]{{{MOST + 1}}}")


def nfc(text: str) -> str:
    """Normalise a text to NFC.

    Raises
    ------
    ValueError
        If more than `MOST` combining marks follow on each other.
    """
    if is_stacked(text):
        raise ValueError(f"more than {MOST} combining marks in a row")
    return unicodedata.normalize("NFC", text)


def is_stacked(text: str) -> bool:
    """Whether more than `MOST` combining marks follow on each other somewhere."""
    if text.isascii():
        return False
    data = text.encode("utf-8", "surrogatepass")
    high = len(data.translate(None, _ORDINARY))
    if high <= MOST and data.count(_SYMBOL_MARKS) <= MOST:
        return False
    return _HIGH.search(text) is not None and _marks().search(text) is not None


@cache
def _marks() -> re.Pattern[str]:
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c))
    return re.compile(f"[{marks}]{{{MOST + 1}}}")
