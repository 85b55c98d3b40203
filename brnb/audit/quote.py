"""Short quotations with slots: the words that anchor a claim, and the numbers that it is about.

In ``"Déficit = 112 GB - 24 GB = ⟦88 GB⟧"`` the slot without a name is what the claim prints; a
slot such as ``⟦N=7 \\times 10^9⟧`` is an input called N.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

PRINTED = "printed"
_SLOT = re.compile(r"⟦(?:([A-Za-z]\w*)=)?([^⟧]*)⟧")


@dataclass(frozen=True)
class Span:
    """Where a slot's text stands; offsets are characters."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """One occurrence of a quotation in a text: its extent, and its slots in order."""

    start: int
    end: int
    slots: tuple[Span, ...]


@dataclass(frozen=True)
class Quote:
    """A quotation: its plain text and the slots in it."""

    text: str
    slots: tuple[Span, ...]

    @property
    def values(self) -> dict[str, str]:
        """Text of each slot; of the printed one under `PRINTED`."""
        return {slot.name: self.text[slot.start : slot.end] for slot in self.slots}


def read_quote(marked: str) -> Quote:
    """Take the marks out of a quotation.

    Raises
    ------
    ValueError
        If a mark is not closed.
    """
    text, slots, last = "", [], 0
    for match in _SLOT.finditer(marked):
        text += marked[last : match.start()]
        slots.append(Span(match[1] or PRINTED, len(text), len(text) + len(match[2])))
        text += match[2]
        last = match.end()
    text += marked[last:]
    if "⟦" in text or "⟧" in text:
        raise ValueError(f"quote {marked!r}: a ⟦ is not closed by ⟧")
    return Quote(text, tuple(slots))


def occurrences(quote: Quote, text: str) -> list[Found]:
    """Every place of a quotation in a text; any white space is as good as any other."""
    cuts = sorted({0, len(quote.text), *(p for s in quote.slots for p in (s.start, s.end))})
    parts = [_flexible(quote.text[a:b]) for a, b in pairwise(cuts)]
    pattern = "".join(f"({part})" for part in parts)
    group = {start: index + 1 for index, start in enumerate(cuts[:-1])}
    return [
        Found(
            match.start(),
            match.end(),
            tuple(
                Span(s.name, match.start(group[s.start]), match.end(group[s.start]))
                for s in quote.slots
            ),
        )
        for match in re.finditer(pattern, text)
    ]


def _flexible(part: str) -> str:
    pieces = re.split(r"(\s+)", part)
    return "".join(r"\s+" if piece.isspace() else re.escape(piece) for piece in pieces)


def agrees_until(quote: Quote, text: str) -> str:
    """The longest beginning of a quotation that a text has, and what stands there instead."""
    words = " ".join(text.split())
    wanted = " ".join(quote.text.split())
    low, high = 0, len(wanted)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if wanted[:middle] in words else (low, middle - 1)
    if low < 3:
        return "no part of it is there"
    end = words.index(wanted[:low]) + low
    agreed, there = wanted[max(0, low - 30) : low], words[end : end + 25]
    return f"it agrees up to {agreed!r}, where the text has {there!r}"
