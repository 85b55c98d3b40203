"""Seeded edits of numbers, units, signs and table cells, and how many of them the audit finds."""

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from brnb.audit.checks import judge
from brnb.audit.claims import Claim
from brnb.audit.engine import Audit, Result

SEED = 20260131
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_UNITS = (  # a unit and what an edit makes of it
    ("GB", "MB"),
    ("MB", "GB"),
    ("TB/s", "GB/s"),
    ("GB/s", "TB/s"),
    ("TFLOPS", "PFLOPS"),
    ("ms", "s"),
    ("dias", "meses"),
    ("horas", "dias"),
    ("milhões", "bilhões"),
    ("USD", "BRL"),
)
_SIGNS = (("<", ">"), (">", "<"), ("\\leq", "\\geq"), ("≤", "≥"), (" - ", " + "), (" + ", " - "))


@dataclass(frozen=True)
class Edit:
    """One edit: what stands at `start` to `end` becomes `new`."""

    start: int
    end: int
    new: str
    kind: str

    def apply(self, text: str) -> str:
        """The edited text."""
        return text[: self.start] + self.new + text[self.end :]


def other_number(digits: str, draw: random.Random) -> str:
    """Another number of the same form: one of its digits is changed, never to a longer one."""
    places = [i for i, c in enumerate(digits) if c.isdigit()]
    place = draw.choice(places[:2])
    others = [d for d in "123456789" if d != digits[place]]
    return digits[:place] + draw.choice(others) + digits[place + 1 :]


def edits(text: str, draw: random.Random, start: int = 0, end: int | None = None) -> list[Edit]:
    """Every number, unit and sign of a part of a text, each with one edit."""
    part = text[start:end]
    made = [
        Edit(start + m.start(), start + m.end(), other_number(m[0], draw), "number")
        for m in _NUMBER.finditer(part)
    ]
    for kind, pairs in (("unit", _UNITS), ("sign", _SIGNS)):
        for old, new in pairs:
            word = rf"(?<![A-Za-z]){re.escape(old)}(?![A-Za-z])"
            made += [
                Edit(start + m.start(), start + m.end(), new, kind) for m in re.finditer(word, part)
            ]
    return sorted(made, key=lambda edit: (edit.start, edit.kind))


@dataclass(frozen=True)
class Attempt:
    """An edit and what found it.

    Attributes
    ----------
    document
        Number of the edited document.
    edit
        What was edited.
    old
        What stood there.
    recomputed
        Ids of the claims whose verdict or recomputation is another one now.
    unquoted
        Ids of the claims whose words are no longer in the document.
    """

    document: str
    edit: Edit
    old: str
    recomputed: tuple[str, ...]
    unquoted: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether the audit says anything of the edit."""
        return bool(self.recomputed or self.unquoted)


def mutate(audited: Audit, count: int = 200, seed: int = SEED) -> list[Attempt]:
    """Edit copies of the audited documents, one statement at a time, and audit each again.

    Edits are drawn without repetition from the numbers, units and signs inside quotations. What
    recomputation finds is told apart from what only the comparison with the quotation finds.
    """
    draw = random.Random(seed)
    claims = _by_document(audited)
    every = [
        (document, edit)
        for document, text in audited.documents.items()
        for start, end in _extents(claims.get(document, []), document)
        for edit in edits(text, draw, start, end)
    ]
    chosen = draw.sample(every, min(count, len(every)))
    return [_attempt(audited, document, edit, claims[document]) for document, edit in chosen]


def _by_document(audited: Audit) -> dict[str, list[Result]]:
    results: dict[str, list[Result]] = {}
    for result in audited.results.values():
        for document in {place.document for place in result.places}:
            results.setdefault(document, []).append(result)
    return results


def _extents(results: Iterable[Result], document: str) -> list[tuple[int, int]]:
    """Places of the quotations in a document, each stretch of text once."""
    places = (place for result in results for place in result.places)
    spans = sorted({(p.found.start, p.found.end) for p in places if p.document == document})
    apart: list[tuple[int, int]] = []
    for start, end in spans:
        if apart and start < apart[-1][1]:
            start = apart[-1][1]
        if start < end:
            apart.append((start, end))
    return apart


def _attempt(audited: Audit, document: str, edit: Edit, results: Iterable[Result]) -> Attempt:
    recomputed, unquoted = [], []
    for result in results:
        touched = _touched(result, document, edit)
        if touched is None:
            continue
        slots = {**result.slots, **touched}
        after = _judged(result.claim, slots) if touched else None
        if after is None or after == _judged(result.claim, result.slots):
            unquoted.append(result.claim.id)
        else:
            recomputed.append(result.claim.id)
    old = audited.documents[document][edit.start : edit.end]
    return Attempt(document, edit, old, tuple(recomputed), tuple(unquoted))


def _touched(result: Result, document: str, edit: Edit) -> dict[str, str] | None:
    """New text of the slots that an edit changes; empty if it only changes the words around."""
    changed: dict[str, str] = {}
    near = False
    for place in result.places:
        if place.document != document:
            continue
        near |= place.found.start < edit.end and edit.start < place.found.end
        for slot in place.found.slots:
            if slot.start <= edit.start and edit.end <= slot.end:
                text = result.slots[slot.name]
                shift = slot.start
                changed[slot.name] = (
                    text[: edit.start - shift] + edit.new + text[edit.end - shift :]
                )
    return changed if near else None


def _judged(claim: Claim, slots: Mapping[str, str]) -> tuple[str, str] | None:
    """Verdict and recomputation, None where nothing is recomputed."""
    if claim.kind == "open":
        return None
    try:
        judgement = judge(claim, slots)
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        return "unreadable", type(error).__name__
    return judgement.kind, f"{judgement.recomputed}"


def mutation_score(attempts: Iterable[Attempt]) -> dict[str, float]:
    """Shares of the edits that were found, and that recomputation found."""
    tried = list(attempts)
    return {
        "edits": len(tried),
        "found": sum(attempt.found for attempt in tried) / len(tried),
        "recomputed": sum(bool(attempt.recomputed) for attempt in tried) / len(tried),
    }
