"""The author's own manuscript: every printed number classified, and the faults in it.

A number is *bound* (printed by ``\\brnb{…}``), *quoted* (its line ends in ``% brnb: <claim id>``),
*justified* (``% brnb: reason``), *ordinal* (of a chapter, table, year) or *loose*.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brnb.audit.checks import printed_number
from brnb.audit.claims import Claim
from brnb.audit.latex_source import Line, read_manuscript
from brnb.audit.portuguese import NUMBER, Written, read_written
from brnb.audit.quote import PRINTED
from brnb.audit.sentences import BRNB, Fault, means, percentages, sentences
from brnb.params import nearest

CLASSES = ("bound", "quoted", "justified", "ordinal", "loose")
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
    found: list[ManuscriptNumber] = []
    faults: list[Fault] = []
    cited = {id for line in lines for id in BRNB.findall(line.text)}
    recorded = _by_value(numbers)
    for line in lines:
        found += [
            ManuscriptNumber(line.file, line.number, id, "bound") for id in BRNB.findall(line.text)
        ]
        faults += _unknown(line, numbers)
        for match, written in _written(line):
            kind = _class(line, match, written, claims or {})
            found.append(ManuscriptNumber(line.file, line.number, written.text, kind))
            if kind in ("loose", "justified") and written.digits >= 3:
                faults += _by_hand(line, written, recorded)
        faults += _misquoted(line, claims or {})
    for sentence in sentences(lines):
        faults += [*percentages(*sentence, numbers), *means(*sentence)]
    return Manuscript(found, faults, sorted(set(numbers) - cited))


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


def _written(line: Line) -> Iterator[tuple[re.Match[str], Written]]:
    for match in NUMBER.finditer(line.visible):
        yield match, read_written(match)


def _class(line: Line, match: re.Match[str], written: Written, claims: Mapping[str, Claim]) -> str:
    before = line.visible[: match.start("digits")]
    if _ORDINAL.search(before) or re.match(r"[A-Za-z]", line.visible[match.end() :]):
        return "ordinal"
    if _YEAR.fullmatch(written.text) and _DATE.search(before):
        return "ordinal"
    if line.note:
        return "quoted" if _claim_id(line.note, claims) else "justified"
    return "loose"


def _claim_id(note: str, claims: Mapping[str, Claim]) -> str | None:
    return note if note in claims or re.fullmatch(r"\d{3}(:[^:]+)+", note) else None


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


def _misquoted(line: Line, claims: Mapping[str, Claim]) -> list[Fault]:
    """A line quoted from a claim must print the claim's own number."""
    id = _claim_id(line.note, claims) if line.note else None
    if id is None:
        return []
    if id not in claims:
        text = f"no claim has the id {id!r}: brnb audit lists them"
        return [Fault(line.file, line.number, "unknown claim", text)]
    slots = {k: v for _, quote in claims[id].passages for k, v in quote.values.items()}
    if PRINTED not in slots:
        return []
    printed = printed_number(slots)
    values = [float(written.value) for _, written in _written(line)]
    if any(abs(abs(value) - abs(printed.value)) < 1e-9 * max(1, abs(value)) for value in values):
        return []
    text = f"the document prints {slots[PRINTED]} for {id}, which this line does not"
    return [Fault(line.file, line.number, "misquoted", text)]
