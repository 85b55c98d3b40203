"""The dissertation's cleaning rules, line by line, and the two forms of the cleaned text.

The rules are those of thesis 4.3.1.1 (very short lines, lines with a low share of letters) and
exact duplicates. The *v6* form keeps case and numbers; the *early* form, of v1 to v5, is lower
case with every number written 0, as their samples show (thesis 4.4.1.6: "lei no 0/0", "de 0 de
março de 0").
"""

import re
from dataclasses import dataclass

RULES = ("short_line", "low_letters", "duplicate_document", "empty_document")
"""Every rule that removes text, in the order in which a report shows them."""

_NOT_LETTERS = bytes(set(range(256)) - {10} - {code for code in range(256) if chr(code).isalpha()})
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_ZERO_RUN = re.compile(b"00+")
# What a terminal would obey (ECMA-48: control strings that end on their line, control sequences,
# other escapes), and control characters but those that end a line or are blanks. Of the controls
# beyond ASCII only the character goes: they are mostly quotes of Windows-1252, read wrongly.
_COMMANDS = re.compile(
    "\x1b[P\\]X^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)|\x1b\\[[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"
    "|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
)


@dataclass(slots=True)
class Removed:
    """What one rule removed: `characters` of lines with single spaces, without line breaks.

    `documents` counts those that lost some of their lines, or all.
    """

    documents: int = 0
    lines: int = 0
    characters: int = 0

    def add(self, other: "Removed") -> None:
        """Add another count to this one."""
        self.documents += other.documents
        self.lines += other.lines
        self.characters += other.characters


def clean_text(text: str, min_chars: int, min_letters: float) -> tuple[str, dict[str, Removed]]:
    """Apply the line rules to a document; the result is its v6 form.

    Every run of blanks becomes one space; blank lines, control characters and what a terminal
    would obey (colours, titles, cursors) go. None of it counts as removed.

    Parameters
    ----------
    text
        NFC-normalised; paragraphs end at any Unicode line break.
    min_chars
        ``short_line`` removes lines of fewer characters.
    min_letters
        ``low_letters`` removes lines in which the share of letters (Unicode category L) of all
        characters, spaces included, is lower; in [0, 1].

    Returns
    -------
    str
        The lines left, joined by a newline; empty if none is.
    dict of str to Removed
        What each rule removed; only rules that removed something.
    """
    lines: list[str] = []
    removed: dict[str, Removed] = {}
    text = _single_spaces(text)
    # Latin-1 holds every letter of Portuguese: counted in C for the whole document at once, its
    # letters are a lower bound that nearly always decides; the exact count is made where not.
    latin = text.encode("latin-1", "ignore").translate(None, _NOT_LETTERS).split(b"\n")
    for line, letters in zip(text.split("\n"), latin, strict=True):
        line = line.strip(" ")
        size = len(line)
        if size == 0:
            continue
        if size < min_chars:
            rule = "short_line"
        elif (least := min_letters * size) > len(letters) and least > sum(map(str.isalpha, line)):
            rule = "low_letters"
        else:
            lines.append(line)
            continue
        count = removed.setdefault(rule, Removed(documents=1))
        count.lines += 1
        count.characters += size
    return "\n".join(lines), removed


def _single_spaces(text: str) -> str:
    """Make every run of blanks within a line one space, and every line break a newline."""
    text = text.replace("\u00a0", " ").replace("\t", " ")
    if not text.replace("\n", "").isprintable():  # rarer blanks, line breaks, controls
        text = _COMMANDS.sub("", text)
        return "\n".join(" ".join(line.split()) for line in text.splitlines())
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def early(text: str) -> str:
    """Return the early versions' form of a v6 text: lower case, each run of digits a single 0.

    >>> early("Lei nº 8.666, de 21/06/1993")
    'lei nº 0.0, de 0/0/0'
    """
    return zero_digits(text.lower().encode()).decode()


def zero_digits(data: bytes) -> bytes:
    """Make each run of ASCII digits a single 0, in UTF-8."""
    # In UTF-8 a byte below 128 is always a whole character, so ASCII digits are safe to replace.
    return _ZERO_RUN.sub(b"0", data.translate(_ZEROS))
