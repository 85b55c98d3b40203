"""Noise planted at known rates: what cleaning, deduplication and privacy filters must find.

What is planted in a document is decided by a stream of chance of its own, so that it can be
counted without writing the document.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from random import Random
from types import MappingProxyType

from brnb.text.sample.content import read_templates, templates
from brnb.text.sample.grammar import Scene, Template
from brnb.text.sample.phrase import phrase
from brnb.text.sample.world import key

RATES: Mapping[str, float] = MappingProxyType(
    {
        "exact_duplicate": 0.02,
        "near_duplicate": 0.02,
        "cpf": 0.03,
        "email": 0.05,
        "phone": 0.05,
        "short_line": 0.30,
        "low_letters": 0.15,
        "boilerplate": 0.40,
    }
)
"""Expected number of each kind per document; a document has at most one of each."""

DUPLICATES = ("exact_duplicate", "near_duplicate")
PERSONAL = ("cpf", "email", "phone")
LINES = ("short_line", "low_letters", "boilerplate")

# Area codes that no Brazilian telephone has: the numbers look right and ring nowhere.
_UNASSIGNED = (20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80)
_DOMAINS = ("example.com", "example.org", "example.net")


def check_digits(digits: list[int]) -> list[int]:
    """The two check digits of a CPF's first nine digits (modulo 11, Receita Federal)."""
    digits = list(digits)
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        rest = sum(w * d for w, d in zip(weights, digits, strict=True)) * 10 % 11
        digits.append(rest % 10)
    return digits[9:]


def duplicate_of(seed: int, index: int) -> tuple[str, int]:
    """What kind of copy a document is (``""`` for an original), and of which earlier original."""
    random = Random(key(seed, "duplicate", index)).random
    chance = random()
    if index == 0 or chance >= sum(RATES[kind] for kind in DUPLICATES):
        return "", index
    earlier = int(random() * index)
    while duplicate_of(seed, earlier)[0]:
        earlier = int(random() * index)
    return DUPLICATES[chance >= RATES[DUPLICATES[0]]], earlier


def kinds(seed: int, index: int) -> list[str]:
    """The kinds of lines and personal data planted in a document; a copy has its original's."""
    random = Random(key(seed, "noise", duplicate_of(seed, index)[1])).random
    return [kind for kind in (*PERSONAL, *LINES) if random() < RATES[kind]]


def planted(count: int, seed: int = 0) -> dict[str, int]:
    """How many of each kind were planted in ``documents(count, seed)``.

    Returns
    -------
    dict of str to int
        Every kind of `RATES`, with the number of documents that have it. What a copy inherits
        from its original counts again: it is in the text again.
    """
    counts: Counter[str] = Counter()
    for index in range(count):
        counts.update(kinds(seed, index))
        counts[duplicate_of(seed, index)[0]] += 1
    return {kind: counts[kind] for kind in RATES}


def plant(paragraphs: list[list[str]], chosen: list[str], scene: Scene) -> None:
    """Insert one of each chosen kind: personal data inside a paragraph, lines on their own."""
    for kind in chosen:
        template = scene.choice(_wordings(kind))
        if kind in PERSONAL:
            scene.cast = {**scene.cast, "value": phrase(_PERSONAL[kind](scene), gender=0)}
            paragraph = scene.choice(paragraphs)
            paragraph.insert(scene.integer(1, len(paragraph)), scene.say(template))
        else:
            paragraphs.insert(scene.integer(1, len(paragraphs)), [template(scene)])


@cache
def _wordings(kind: str) -> list[Template]:
    return templates(read_templates("noise")[kind])


def _cpf(scene: Scene) -> str:
    digits = [scene.integer(0, 9) for _ in range(9)]
    a, b, c = ("".join(map(str, digits[i : i + 3])) for i in (0, 3, 6))
    return f"{a}.{b}.{c}-{''.join(map(str, check_digits(digits)))}"


def _email(scene: Scene) -> str:
    given, *_, family = scene.get("person")[""].lower().split()
    name = unicodedata.normalize("NFD", f"{given}.{family}").encode("ascii", "ignore").decode()
    return f"{name}{scene.integer(1, 99)}@{scene.choice(_DOMAINS)}"


def _phone(scene: Scene) -> str:
    area, first, last = scene.choice(_UNASSIGNED), scene.integer(0, 9999), scene.integer(0, 9999)
    return f"({area}) 9{first:04d}-{last:04d}"


_PERSONAL = {"cpf": _cpf, "email": _email, "phone": _phone}
