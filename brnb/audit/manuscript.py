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
from brnb.audit.grim import mean_possible
from brnb.audit.latex_source import Line, read_manuscript
from brnb.audit.portuguese import NUMBER, Written, read_written
from brnb.audit.quote import PRINTED
from brnb.params import nearest

CLASSES = ("bound", "quoted", "justified", "ordinal", "loose")
_BRNB = re.compile(r"\\brnb\{([^{}]*)\}")
_DEFINED = re.compile(r"\\brnbdefine\{([^{}]*)\}\{(.*)\}$", re.MULTILINE)
_ORDINAL = re.compile(
    r"(?:Trilha|Fase|Etapa|Cap[íi]tulos?|Cap\.|Seç(?:ão|ões)|Tabelas?|Figuras?|Equaç(?:ão|ões)|Apêndices?|Algoritmos?"
    r"|Anexos?|p\.|v\.|n\.|versão|vers\w+)[\s~]*$|\b[A-Z][A-Z0-9]+[\s~]$"  # of a name, as in RTX 4090
    r"|[A-Za-zÀ-ÿ][-–]?$"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_DATE = re.compile(r"[(,;]\s*$|\b(?:em|de|desde|até|entre)\s+$", re.IGNORECASE)
_VALUE = r"([-−]?\d[\d.,]*\d|\d)(?:\s*\\?%)?"
_CHANGE = re.compile(rf"\bde\s+{_VALUE}(?:\s+\w+)?\s+(?:para|a)\s+{_VALUE}")
_BOUND = re.compile(r"\b(mais|acima|menos|abaixo|quase|cerca) de\s+$")
_SAMPLE = re.compile(r"\bn\s*=\s*(\d+)")
_MEAN = re.compile(r"médi[ao]s?\b[^.;]*?(\d+,\d+)")


@dataclass(frozen=True)
class Printed:
    """One number of the manuscript, where it stands and what it rests on."""

    file: str
    line: int
    text: str
    kind: str


@dataclass(frozen=True)
class Fault:
    """Something to mend: where, what and how."""

    file: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Manuscript:
    """All numbers, the faults, and the recorded numbers that nobody cites."""

    numbers: list[Printed]
    faults: list[Fault]
    uncited: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Numbers by class, in the order of `CLASSES`."""
        found = Counter(number.kind for number in self.numbers)
        return {kind: found[kind] for kind in CLASSES}


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
    found: list[Printed] = []
    faults: list[Fault] = []
    cited = {id for line in lines for id in _BRNB.findall(line.text)}
    recorded = _by_value(numbers)
    for line in lines:
        found += [Printed(line.file, line.number, id, "bound") for id in _BRNB.findall(line.text)]
        faults += _unknown(line, numbers)
        for match, written in _written(line):
            kind = _class(line, match, written, claims or {})
            found.append(Printed(line.file, line.number, written.text, kind))
            if kind in ("loose", "justified") and written.digits >= 3:
                faults += _by_hand(line, written, recorded)
        faults += _misquoted(line, claims or {})
    for sentence in _sentences(lines):
        faults += [*_percentages(*sentence, numbers), *_means(*sentence)]
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
        Fault(line.file, line.number, "unknown", f"\\brnb{{{id}}} is no number{nearest(id, numbers)}")
        for id in _BRNB.findall(line.text)
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


def _sentences(lines: list[Line]) -> Iterator[tuple[Line, str]]:
    """Sentences of the running text with the line in which they begin."""
    first, words = None, ""
    for line in lines:
        text = line.text.strip()
        for piece in re.split(r"(?<=[.;!?])\s+|^$", text) if text else [""]:
            if not words:
                first = line
            words = f"{words} {piece}".strip()
            if re.search(r"[.;!?]$", piece) or not piece:
                if words and first:
                    yield first, words
                words = ""
    if words and first:
        yield first, words


def _percentages(line: Line, sentence: str, numbers: Mapping[str, str]) -> list[Fault]:
    """Percentages beside "de A para B" that are not the change from A to B."""
    text = _BRNB.sub(lambda m: numbers.get(m[1], m[0]), sentence)
    change = _CHANGE.search(text)
    shares = [m for m in NUMBER.finditer(text) if m["percent"]]
    if change is None or len(shares) != 1:
        return []
    ends = [NUMBER.fullmatch(part) for part in change.groups()]
    first, second = (read_written(end) for end in ends if end)
    share = read_written(shares[0])
    if not first.value or _follows(first, second, share, _BOUND.search(text[: shares[0].start()])):
        return []
    right = float(100 * (second.value - first.value) / first.value)
    said = f"{share.text} does not follow from {first.text} and {second.text}: it is {right:.1f}%"
    return [Fault(line.file, line.number, "percentage", said)]


def _follows(
    first: Written, second: Written, share: Written, bound: re.Match[str] | None
) -> bool:
    """Whether a share rounds to the change from one number to another, either way."""
    changes = [100 * (b - a) / a for a in first.corners for b in second.corners if a]
    low, high = sorted(abs(corner) for corner in share.corners)
    size = sorted(abs(change) for change in changes)
    if bound and bound[1] in ("mais", "acima"):
        return size[-1] >= low
    if bound and bound[1] in ("menos", "abaixo"):
        return size[0] <= high
    room = 0.1 * high if bound else 0.0
    return size[0] <= high + room and size[-1] >= low - room


def _means(line: Line, sentence: str) -> list[Fault]:
    """Means of n whole numbers that no n whole numbers have (GRIM)."""
    sample, mean = _SAMPLE.search(sentence), _MEAN.search(sentence)
    if not sample or not mean:
        return []
    n, decimals = int(sample[1]), len(mean[1].split(",")[1])
    if n >= 10**decimals or mean_possible(float(mean[1].replace(",", ".")), n, decimals):
        return []
    text = f"no {n} whole numbers have the mean {mean[1]}: check n or the mean"
    return [Fault(line.file, line.number, "mean", text)]
