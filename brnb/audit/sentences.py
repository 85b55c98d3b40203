"""Arithmetic in a manuscript's sentences: percentages beside two numbers, means of n whole ones."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from brnb.audit.grim import mean_possible
from brnb.audit.latex_source import BRNB, Line
from brnb.audit.portuguese import NUMBER, Written, read_written

_VALUE = r"([-−]?\d[\d.,]*\d|\d)(?:\s*\\?%)?"
_CHANGE = re.compile(rf"\bde\s+{_VALUE}(?:\s+\w+)?\s+(?:para|a)\s+{_VALUE}")
_ORDER = re.compile(rf"{_VALUE}\s*(<|>|≤|≥|\\leq|\\geq)\s*{_VALUE}")
_ORDERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "≤": operator.le,
    "≥": operator.ge,
    "\\leq": operator.le,
    "\\geq": operator.ge,
}
_BOUND = re.compile(r"\b(mais|acima|menos|abaixo|quase|cerca) de\s+$")
_END = re.compile(r"(?<=[.;!?])(?<!\bal\.)\s+|^$")
_SAMPLE = re.compile(r"\bn\s*=\s*(\d+)")
_MEAN = re.compile(r"médi[ao]s?\b[^.;]*?(\d+,\d+)")


@dataclass(frozen=True)
class Fault:
    """Something to mend: where, what and how."""

    file: str
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def sentences(lines: Iterable[Line]) -> Iterator[tuple[list[Line], str]]:
    """Sentences of the running text with the lines on which they stand."""
    on: list[Line] = []
    words = ""
    for line in lines:
        text = line.text.strip()
        for piece in _END.split(text) if text else [""]:
            if piece and line not in on:
                on.append(line)
            words = f"{words} {piece}".strip()
            if re.search(r"(?<!\bal)[.;!?]$", piece) or not piece:
                if words:
                    yield on, words
                on, words = [], ""
    if words:
        yield on, words


def percentages(line: Line, sentence: str, numbers: Mapping[str, str]) -> list[Fault]:
    """Percentages beside "de A para B" that are not the change from A to B."""
    text = BRNB.sub(lambda m: numbers.get(m[1], m[0]), sentence)
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


def _follows(first: Written, second: Written, share: Written, bound: re.Match[str] | None) -> bool:
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


def orders(line: Line, sentence: str, numbers: Mapping[str, str]) -> list[Fault]:
    """Comparisons of two numbers, ``0,037 < 0,090``, that do not hold."""
    text = BRNB.sub(lambda m: numbers.get(m[1], m[0]), sentence).replace("$", "")
    faults = []
    for left, sign, right in _ORDER.findall(text):
        ends = [NUMBER.fullmatch(part) for part in (left, right)]
        first, second = (read_written(end).value for end in ends if end)
        if not _ORDERS[sign](first, second):
            said = f"{left} {sign} {right} does not hold: turn the sign or mend a number"
            faults.append(Fault(line.file, line.number, "order", said))
    return faults


def means(line: Line, sentence: str) -> list[Fault]:
    """Means of n whole numbers that no n whole numbers have (GRIM)."""
    sample, mean = _SAMPLE.search(sentence), _MEAN.search(sentence)
    if not sample or not mean:
        return []
    n, decimals = int(sample[1]), len(mean[1].split(",")[1])
    written = float(mean[1].replace(",", "."))
    if n >= 10**decimals or (n and mean_possible(written, n, decimals)):
        return []
    text = f"no {n} whole numbers have the mean {mean[1]}: check n or the mean"
    return [Fault(line.file, line.number, "mean", text)]
