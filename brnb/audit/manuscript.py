"""The author's own manuscript: every printed number classified, and the faults in it.

A number is *bound* (printed by ``\\brnb{…}``), *quoted* (its line ends in ``% brnb: <claim id>``),
*computed* (``% brnb: = expression``), *justified* (``% brnb: reason``), *ordinal* (of a chapter,
table, year) or *loose*. See `brnb.audit.notes`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brnb.audit.claims import Claim
from brnb.audit.latex_source import BRNB, Line, read_manuscript
from brnb.audit.notes import claim_id, miscomputed, misquoted
from brnb.audit.portuguese import NUMBER, Written, read_written
from brnb.audit.sentences import Fault, means, orders, percentages, sentences
from brnb.audit.units import wrong_units
from brnb.params import nearest

CLASSES = ("bound", "quoted", "computed", "justified", "ordinal", "loose")
_DEFINED = re.compile(r"\\brnbdefine\{([^{}]*)\}\{(.*)\}$", re.MULTILINE)
_ORDINAL = re.compile(
    r"(?:Trilha|Fase|Etapa|Cap[íi]tulos?|Cap\.|Seç(?:ão|ões)|Tabelas?|Figuras?|Equaç(?:ão|ões)"
    r"|Apêndices?|Algoritmos?|Anexos?|p\.|v\.|n\.|vers\w+)[\s~]*$"
    r"|\b[A-Z][A-Z0-9]+[\s~]$"  # of a name, as in RTX 4090
    r"|[A-Za-zÀ-ÿ][-–]?$"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATE = re.compile(r"[(,;]\s*$|\b(?:em|de|desde|até|entre)\s+$", re.IGNORECASE)


@dataclass(frozen=True)
class ManuscriptNumber:
    """One number of the manuscript, where it stands and what it rests on."""

    file: str
    line: int
    text: str
    kind: str


@dataclass(frozen=True)
class Manuscript:
    """All numbers, the faults, and the recorded numbers that nobody cites."""

    numbers: list[ManuscriptNumber]
    faults: list[Fault]
    uncited: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Numbers by class, in the order of `CLASSES`."""
        by_kind = Counter(number.kind for number in self.numbers)
        return {kind: by_kind[kind] for kind in CLASSES}


def check_manuscript(
    path: Path, numbers: Mapping[str, str], claims: Mapping[str, Claim] | None = None
) -> Manuscript:
    """Classify every printed number of a manuscript and find its faults.

    Parameters
    ----------
    path
        The main LaTeX file; what it inputs is read too.
    numbers
        Recorded numbers by id, as printed (`read_numbers`).
    claims
        By id, for quoted numbers.

    Raises
    ------
    brnb.audit.latex_source.SourceError
        If a file is missing, is not UTF-8, or its braces do not match.
    """
    lines = read_manuscript(path)
    listed: list[ManuscriptNumber] = []
    faults: list[Fault] = []
    cited = {id for line in lines for id in BRNB.findall(line.text)}
    recorded = _by_value(numbers)
    for line in lines:
        listed += [
            ManuscriptNumber(line.file, line.number, id, "bound") for id in BRNB.findall(line.text)
        ]
        faults += _unknown(line, numbers)
        printed = list(classified(line, claims or {}))
        for _, written, kind in printed:
            listed.append(ManuscriptNumber(line.file, line.number, written.text, kind))
            if kind in ("loose", "justified") and written.digits >= 3:
                faults += _by_hand(line, written, recorded)
        backed = [(match, written) for match, written, kind in printed if kind != "ordinal"]
        faults += [*misquoted(line, backed, claims or {}), *miscomputed(line, backed, numbers)]
        faults += wrong_units(line, numbers)
    for sentence in sentences(lines):
        faults += percentages(*sentence, numbers)
        faults += [*means(*sentence), *orders(*sentence, numbers)]
    return Manuscript(listed, faults, sorted(set(numbers) - cited))


def read_numbers(path: Path) -> dict[str, str]:
    """Numbers of a ``numbers.tex`` by id, as printed.

    Raises
    ------
    FileNotFoundError
        If there is none; names the command that writes it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: run brnb export, or name another profile")
    text = path.read_text(encoding="utf-8")
    return {m[1]: m[2].replace(r"\ensuremath{-}", "−") for m in _DEFINED.finditer(text)}


def classified(
    line: Line, claims: Mapping[str, Claim]
) -> Iterator[tuple[re.Match[str], Written, str]]:
    """Numbers written in a line, with their class; those of ``\\brnb`` are not among them."""
    for match in NUMBER.finditer(line.visible):
        written = read_written(match)
        yield match, written, _class(line, match, written, claims)


def _class(line: Line, match: re.Match[str], written: Written, claims: Mapping[str, Claim]) -> str:
    before = line.visible[: match.start("digits")]
    if _ORDINAL.search(before) or re.match(r"[A-Za-z]", line.visible[match.end() :]):
        return "ordinal"
    if _YEAR.fullmatch(written.text) and _DATE.search(before):
        return "ordinal"
    if line.note:
        if claim_id(line.note, claims):
            return "quoted"
        return "computed" if line.note.startswith("=") else "justified"
    return "loose"


def _by_value(numbers: Mapping[str, str]) -> dict[str, list[str]]:
    """Ids by the digits that they print, without signs of thousands."""
    digits: dict[str, list[str]] = {}
    for id, text in numbers.items():
        match = NUMBER.search(text)
        if match:
            digits.setdefault(_key(read_written(match)), []).append(id)
    return digits


def _key(written: Written) -> str:
    return f"{abs(written.value):f}".rstrip("0").rstrip(".") if written.value else "0"


def _by_hand(line: Line, written: Written, recorded: Mapping[str, list[str]]) -> list[Fault]:
    ids = recorded.get(_key(written), [])
    if not ids:
        return []
    text = f"{written.text} is written by hand; write \\brnb{{{ids[0]}}}"
    more = f" (or {', '.join(ids[1:3])})" if len(ids) > 1 else ""
    return [Fault(line.file, line.number, "by hand", text + more)]


def _unknown(line: Line, numbers: Mapping[str, str]) -> list[Fault]:
    return [
        Fault(
            line.file, line.number, "unknown", f"\\brnb{{{id}}} is no number{nearest(id, numbers)}"
        )
        for id in BRNB.findall(line.text)
        if id not in numbers
    ]
