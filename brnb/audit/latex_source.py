"""A LaTeX manuscript as the checker reads it: files joined, comments and commands told apart."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brnb.audit.documents import utf8_text

_INPUT = re.compile(r"\\(?:input|include|subfile)\{([^{}]+)\}")
_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*%(.*)")
BRNB = re.compile(r"\\brnb\{([^{}]*)\}")
NOTE = re.compile(r"^\s*brnb:\s*(.+?)\s*$")
_SILENT = re.compile(  # what holds digits that are not printed, or are printed by LaTeX itself
    r"\\(?:ref|eqref|pageref|autoref|cref|label|cite\w*|brnb\w*|input|include|includegraphics|url|href"
    r"|usepackage|documentclass|RequirePackage|vspace|hspace|setlength|setcounter|addtocounter"
    r"|bibliography\w*|begin|end|definecolor|color|fontsize|selectlanguage|newcommand|renewcommand"
    r"|pagestyle|thispagestyle|texttt|path|nolinkurl|verb)\*?(?:\s*\[[^\]]*\])*(?:\s*\{[^{}]*\})*"
    r"|\\rule(?:\[[^\]]*\])?\{[^{}]*\}\{[^{}]*\}|\\\\\[[^\]]*\]"
    r"|\d+(?:[.,]\d+)?(?:\s*\\(?:textwidth|linewidth|columnwidth|textheight)|pt|em|ex|cm|mm|in)\b"
)


class SourceError(ValueError):
    """A file that cannot be read as LaTeX; the message names file, line and fix."""


@dataclass(frozen=True)
class Line:
    """One line of a manuscript.

    Attributes
    ----------
    file, number
        Where it stands.
    text
        Without its comment.
    visible
        With commands that print no number of their own blanked out, lengths kept.
    note
        What a comment ``% brnb: …`` at its end says, None without one.
    """

    file: str
    number: int
    text: str
    visible: str
    note: str | None


def read_manuscript(path: Path) -> list[Line]:
    """Read a LaTeX file and all that it inputs, in the order of the document.

    Raises
    ------
    SourceError
        If a file is missing, is not UTF-8, or its braces do not match.
    """
    return list(_lines(path, path.parent, ()))


def _lines(path: Path, root: Path, above: tuple[Path, ...]) -> Iterator[Line]:
    text = _decoded(path, above)
    _check_braces(path, text)
    for number, raw in enumerate(text.split("\n"), start=1):
        comment = _COMMENT.search(raw)
        body = raw[: comment.start()] if comment else raw
        note = NOTE.match(comment[1]) if comment else None
        visible = _SILENT.sub(lambda m: " " * len(m[0]), body)
        yield Line(path.name, number, body, visible, note[1] if note else None)
        for name in _INPUT.findall(body):
            file = root / (name if name.endswith(".tex") else f"{name}.tex")
            if file not in above and file != path:
                yield from _lines(file, root, (*above, path))


def _decoded(path: Path, above: tuple[Path, ...]) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        where = f", named in {above[-1].name}" if above else ""
        raise SourceError(f"{path.name} does not exist{where}: mend the name") from None
    try:
        return utf8_text(data, path.name)
    except ValueError as error:
        raise SourceError(str(error)) from error


def _check_braces(path: Path, text: str) -> None:
    opened: list[int] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        comment = _COMMENT.search(raw)
        body = raw[: comment.start()] if comment else raw
        for mark in re.findall(r"\\\\|\\[{}]|[{}]", body):
            if mark == "{":
                opened.append(number)
            elif mark == "}":
                if not opened:
                    raise SourceError(
                        f"{path.name}:{number}: a }} without {{: delete it or open it"
                    )
                opened.pop()
    if opened:
        raise SourceError(f"{path.name}:{opened[-1]}: a {{ is never closed: add the }}")
