"""The author's own manuscript: every printed number classified, and the faults in it.

A number is *bound* (printed by ``\\brnb{…}``), *quoted* (its line ends in ``% brnb: <claim id>``),
*computed* (``% brnb: = expression``), *justified* (``% brnb: "the number": reason``), the *year* of
a work that its sentence cites, *generated* (in a file that brnb wrote), part of a *name*, or
*loose*, as one of a chapter or table is that ``\\ref`` would print. See `brnb.audit.notes`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from brnb.audit.bibliography import CitedWork, is_of_a_cited_work, read_works
from brnb.audit.claims import Claim
from brnb.audit.latex_source import BRNB, Line, read_manuscript
from brnb.audit.names import is_in_a_name, misspelt
from brnb.audit.notes import claim_id, is_justified, miscomputed, misquoted, unsaid
from brnb.audit.portuguese import NUMBER, Written, read_written
from brnb.audit.sentences import Fault, means, orders, percentages, sentences
from brnb.audit.units import wrong_units
from brnb.params import nearest

CLASSES = ("bound", "quoted", "computed", "justified", "year", "generated", "name", "loose")
_DEFINED = re.compile(r"\\brnbdefine\{([^{}]*)\}\{(.*)\}$", re.MULTILINE)
_REFERENCE = re.compile(
    r"(?:Cap[íi]tulos?|Cap\.|Seç(?:ão|ões)|Tabelas?|Figuras?|Equaç(?:ão|ões)|Apêndices?|Algoritmos?"
    r"|Anexos?)[\s~]*$"
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
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text} is {self.kind}: {self.remedy}"


@dataclass(frozen=True)
class Manuscript:
    """All numbers, the faults, and the recorded numbers that nobody cites."""

    numbers: list[ManuscriptNumber]
    faults: list[Fault]
    uncited: list[str] = field(default_factory=list)

    @property
    def loose(self) -> list[ManuscriptNumber]:
        """Numbers that rest on nothing."""
        return [number for number in self.numbers if number.kind == "loose"]

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
        The main LaTeX file; what it inputs is read too, and works cited from ``.bib`` files beside.
    numbers
        Recorded numbers by id, as printed (`read_numbers`).
    claims
        By id, for quoted numbers.

    Raises
    ------
    brnb.audit.latex_source.SourceError
        If a file is missing, is not UTF-8, or its braces do not match.
    """
    lines, known = read_manuscript(path), claims or {}
    listed: list[ManuscriptNumber] = []
    faults: list[Fault] = []
    recorded = _by_value(numbers)
    for line, printed in classified(lines, known, read_works(path.parent)):
        bound = BRNB.findall(line.text)
        listed += [ManuscriptNumber(line.file, line.number, id, "bound") for id in bound]
        listed += [_listed(line, *number) for number in printed]
        faults += _unknown(line, numbers)
        for _, written, kind in printed:
            if kind in ("loose", "justified") and written.digits >= 3:
                faults += _by_hand(line, written, recorded)
        backed = [(match, n) for match, n, kind in printed if kind in ("quoted", "computed")]
        faults += [*misquoted(line, backed, known), *miscomputed(line, backed, numbers)]
        faults += [*unsaid(line, known), *wrong_units(line, numbers)]
    by_hand = [line for line in lines if not line.generated]
    faults += misspelt(by_hand, known)
    for on, sentence in sentences(by_hand):
        faults += percentages(on[0], sentence, numbers)
        faults += [*means(on[0], sentence), *orders(on[0], sentence, numbers)]
    cited = {id for line in lines for id in BRNB.findall(line.text)}
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
    lines: Sequence[Line], claims: Mapping[str, Claim], works: Mapping[str, CitedWork]
) -> Iterator[tuple[Line, list[tuple[re.Match[str], Written, str]]]]:
    """Every line with the numbers written in it and their class; those of ``\\brnb`` are apart."""
    around: dict[Line, str] = {}
    for on, sentence in sentences(lines):
        around |= {line: f"{around.get(line, '')} {sentence}" for line in on}
    for line in lines:
        cited = _years(line, around.get(line, ""), works)
        numbers = [(match, read_written(match)) for match in NUMBER.finditer(line.visible)]
        yield line, [(m, n, _class(line, m, n, claims, cited)) for m, n in numbers]


def _years(line: Line, sentence: str, works: Mapping[str, CitedWork]) -> set[int]:
    """Where a line has the year of a work that its sentence cites."""
    return {
        match.start()
        for match in _YEAR.finditer(line.visible)
        if is_of_a_cited_work(match[0], line.visible[: match.start()], sentence, works)
    }


def _class(
    line: Line, match: re.Match[str], written: Written, claims: Mapping[str, Claim], cited: set[int]
) -> str:
    if line.generated:
        return "generated"
    if is_in_a_name(line.visible, match):
        return "name"
    if _is_year(line, match, written):
        if match.start("digits") in cited:
            return "year"
    elif line.note and not _REFERENCE.search(line.visible[: match.start("digits")]):
        if claim_id(line.note, claims):
            return "quoted"
        if line.note.startswith("="):
            return "computed"
    return "justified" if is_justified(line, match, claims) else "loose"


def _is_year(line: Line, match: re.Match[str], written: Written) -> bool:
    dated = _DATE.search(line.visible[: match.start("digits")])
    return bool(_YEAR.fullmatch(written.text) and dated)


def _listed(line: Line, match: re.Match[str], written: Written, kind: str) -> ManuscriptNumber:
    before, quoted = line.visible[: match.start("digits")], f'% brnb: "{written.text}": …'
    remedy = f"bind it to a \\brnb{{…}}, quote a claim, or justify it: {quoted}"
    if _REFERENCE.search(before):
        remedy = f"let \\ref{{…}} print it; of another work, {quoted}"
    elif _is_year(line, match, written):
        remedy = f"no work cited in its sentence is of this year: \\cite one, or {quoted}"
    return ManuscriptNumber(line.file, line.number, written.text, kind, remedy)


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
