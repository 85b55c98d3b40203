"""Names with digits in them, as GPT-2, v6 and RTX 4090: no numbers, but some are misspelt."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from brnb.audit.claims import Claim
from brnb.audit.latex_source import Line
from brnb.audit.sentences import Fault
from brnb.audit.units import UNITS

NAME = re.compile(
    r"(?<![\\\w.,^{])(?:(?:Trilha|Fase|Etapa|[A-ZÀ-Ý][A-Z0-9]+)[ ~]|[A-Za-zÀ-ÿ][\wÀ-ÿ]*[-–]?)"
    r"\d+(?:\.\d+)?(?:[-–]?[A-Za-zÀ-ÿ]\w*)?"
)


def digit_names(text: str) -> Iterator[re.Match[str]]:
    """Names of a text; a number with a unit behind capitals, as in VRAM 24 GB, is none."""
    for match in NAME.finditer(text):
        behind = re.match(r"[ ~]*([A-Za-z/]+)", text[match.end() :])
        if not (re.search(r"[ ~]", match[0]) and behind and behind[1] in UNITS):
            yield match


def is_in_a_name(text: str, number: re.Match[str]) -> bool:
    """Whether a number of a text is part of a name."""
    return any(
        name.start() < number.end() and number.start() < name.end() for name in digit_names(text)
    )


def misspelt(lines: Iterable[Line], claims: Mapping[str, Claim]) -> Iterator[Fault]:
    """Names that stand once, that no document has, and that one digit parts from a known one.

    A note that quotes the name vouches for it.
    """
    placed = [(_spelt(match[0]), line) for line in lines for match in digit_names(line.visible)]
    often = {name for name, count in Counter(name for name, _ in placed).items() if count > 1}
    known = often | _published(tuple(mark for claim in claims.values() for mark in claim.quote))
    forms: dict[str, list[str]] = {}
    for name in sorted(known):
        forms.setdefault(_form(name), []).append(name)
    for name, line in placed:
        near = [other for other in forms.get(_form(name), ()) if _differs_by_one(name, other)]
        if name not in known and near and name not in _spelt(line.note or ""):
            text = f"{name} is no known name; mend it ({near[0]}?), or quote it in a note"
            yield Fault(line.file, line.number, "name", text)


@lru_cache(maxsize=1)
def _published(quotations: tuple[str, ...]) -> frozenset[str]:
    """Names in the documents' words."""
    return frozenset(_spelt(match[0]) for text in quotations for match in digit_names(text))


def _spelt(name: str) -> str:
    return name.replace("~", " ").replace("–", "-")


def _form(name: str) -> str:
    """A name with its digits made alike: two names of one form have as many of them."""
    return re.sub(r"\d", "0", name)


def _differs_by_one(name: str, other: str) -> bool:
    return sum(a != b for a, b in zip(name, other, strict=True)) == 1
