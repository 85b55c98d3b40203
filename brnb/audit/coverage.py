"""What no claim covers: every digit, ×, % and comparison word of the documents, or the reason."""

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from brnb.audit.claims import FOLDER, Claim
from brnb.audit.quote import occurrences

COVERAGE_RULES = "coverage.yaml"
Spans = list[tuple[int, int]]
_CHECKABLE = re.compile(
    r"(?<![A-Za-zÀ-ÿ_\d.])[-+−]?\d+(?:[.,]\d+)*"
    r"|\\times|×|%|\\%|\\geq|\\leq|\\approx|\\ll|\\gg|≈|≤|≥|≫"
    r"|\b(?:maior(?:es)?|menor(?:es)?|melhor(?:es)?|pior(?:es)?|mais|menos|dobro|metade|supera\w*"
    r"|dobrar|inferior(?:es)?|superior(?:es)?|better|worse|smaller|larger|lower|higher)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mark:
    """One thing that could be checked: a number, a sign or a comparison, and where it stands."""

    document: str
    start: int
    end: int
    text: str
    line: int
    reason: str | None = None


@dataclass(frozen=True)
class Coverage:
    """Marks by what became of them.

    Attributes
    ----------
    covered
        Inside a quotation of some claim.
    explained
        Not a statement, with the reason.
    uncovered
        Neither.
    """

    covered: list[Mark]
    explained: list[Mark]
    uncovered: list[Mark]

    def reasons(self) -> dict[str, int]:
        """Explained marks by reason, the commonest first."""
        counts: dict[str, int] = {}
        for mark in self.explained:
            counts[str(mark.reason)] = counts.get(str(mark.reason), 0) + 1
        return dict(sorted(counts.items(), key=lambda item: -item[1]))


def cover_marks(
    documents: Mapping[str, str], claims: Iterable[Claim], rules: Path = FOLDER / COVERAGE_RULES
) -> Coverage:
    """Sort every mark of the documents into covered, explained and uncovered.

    Parameters
    ----------
    documents
        Texts by number.
    claims
        Whose quotations cover; a quotation covers all its occurrences.
    rules
        YAML list of ``reason``, ``en`` (the same in English), ``pattern`` and, where it is not
        all, ``documents``.
    """
    quoted = _quoted(documents, claims)
    explained = [*_explanations(documents, read_rules(rules))]
    sorted_marks = Coverage([], [], [])
    for mark in marks(documents):
        reason = next(
            (r for d, a, b, r in explained if d == mark.document and a <= mark.start < b), None
        )
        if _inside(quoted.get(mark.document, []), mark.start):
            sorted_marks.covered.append(mark)
        elif reason:
            sorted_marks.explained.append(Mark(**{**vars(mark), "reason": reason}))
        else:
            sorted_marks.uncovered.append(mark)
    return sorted_marks


def read_rules(path: Path = FOLDER / COVERAGE_RULES) -> list[dict[str, Any]]:
    """Rules that explain what states nothing checkable, the first that matches counts."""
    rules: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rules


def marks(documents: Mapping[str, str]) -> list[Mark]:
    """Every number, ×, %, sign of order and comparison word, in the documents' order."""
    return [
        Mark(document, m.start(), m.end(), m[0], text.count("\n", 0, m.start()) + 1)
        for document, text in documents.items()
        for m in _CHECKABLE.finditer(text)
    ]


def _quoted(
    documents: Mapping[str, str], claims: Iterable[Claim]
) -> dict[str, list[tuple[int, int]]]:
    """Extents of all quotations by document, joined where they overlap."""
    texts = {passage for claim in claims for passage in ((d, q) for d, q in claim.passages)}
    spans: dict[str, Spans] = {}
    for document, quote in texts:
        for found in occurrences(quote, documents.get(document, "")):
            spans.setdefault(document, []).append((found.start, found.end))
    return {document: _joined(sorted(found)) for document, found in spans.items()}


def _joined(spans: Spans) -> Spans:
    joined: Spans = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _inside(spans: Spans, place: int) -> bool:
    at = bisect.bisect_right(spans, (place, 1 << 60)) - 1
    return at >= 0 and spans[at][0] <= place < spans[at][1]


def _explanations(
    documents: Mapping[str, str], rules: Iterable[Mapping[str, Any]]
) -> Iterable[tuple[str, int, int, str]]:
    for rule in rules:
        pattern = re.compile(rule["pattern"], re.MULTILINE | re.DOTALL | re.IGNORECASE)
        for document in rule.get("documents", documents):
            for match in pattern.finditer(documents.get(document, "")):
                yield document, match.start(), match.end(), rule["reason"]
