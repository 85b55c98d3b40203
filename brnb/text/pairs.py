"""Instruction pairs as they are read from files and from the hub."""

from collections.abc import Iterator
from dataclasses import dataclass

from brnb.text.formats import Malformed, Row, rows_of
from brnb.text.marks import nfc
from brnb.text.reader import hub_rows, input_files


@dataclass(frozen=True)
class Pair:
    """An instruction, the text that it is about (may be empty), and the answer."""

    key: str
    instruction: str
    input: str
    output: str

    @property
    def text(self) -> str:
        """What the user says: the instruction and, after a blank line, the input."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


def read_pairs(source: str) -> Iterator[Pair]:
    """Stream all pairs of a file, a folder or a data set of the hub."""
    if source.startswith("hf:"):
        for number, row in enumerate(hub_rows(source, "instructions"), 1):
            yield as_pair(row, source, number)
    else:
        for path in input_files(source):
            for number, record in rows_of(path):
                yield as_pair(record, path.name, number)


def as_pair(row: Row, label: str, line: int) -> Pair:
    """One record as a pair; an error names where it stands."""
    if isinstance(row, Malformed):
        raise ValueError(f"{label}:{line}: {row.reason}; repair or remove the line")
    values = {name: row.get(name) or "" for name in ("instruction", "input", "output")}
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    wrong += [] if values["instruction"] else ["instruction"]
    if "output" not in row:
        wrong.append("output")
    if wrong:
        raise ValueError(
            f"{label}:{line}: {', '.join(wrong)} missing or not a text; an instruction pair has "
            "instruction, input (may be empty) and output"
        )
    try:
        "".join(values.values()).encode()
    except UnicodeEncodeError:  # JSON can escape half a character: "\ud83d"
        raise ValueError(f"{label}:{line}: lone surrogate; repair or remove the line") from None
    try:
        clean = {name: _clean(value) for name, value in values.items()}
    except ValueError as error:
        raise ValueError(f"{label}:{line}: {error}; repair or remove the line") from None
    return Pair(key=str(row.get("id") or f"{label}:{line}"), **clean)


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return nfc(text).strip()
