"""Seeded edits in copies of our own LaTeX, and how many of them ``brnb check paper.tex`` finds.

Edited are a manuscript's text, whatever its numbers rest on, and what was exported beside it:
recorded numbers and cells of tables. Names stand apart, since no name is a number: a digit of v6 or
RTX 4090, and the name of a recorded number, which may become the name of another.
"""

import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from brnb.audit.bibliography import read_works
from brnb.audit.claims import Claim
from brnb.audit.exported import edited_files
from brnb.audit.latex_source import BRNB, Line, read_manuscript
from brnb.audit.manuscript import check_manuscript, classified, read_numbers
from brnb.audit.mutations import SEED, Attempt, Edit, edits, other_number
from brnb.audit.names import digit_names

Placed = tuple[Path, Edit]
NAMES = ("name", "id")  # what holds digits and is no number
COMPARED = ("misquoted", "unsaid", "unknown", "unknown claim", "name")  # faults without a sum
EDITS_OF_A_NUMBER = 4  # of the text, which has few


def mutate_latex(
    main: Path, tables: Path, claims: Mapping[str, Claim], count: int, seed: int = SEED
) -> dict[str, list[Attempt]]:
    """Edit copies of a manuscript and of its exported files, one thing at a time, and check each.

    Parameters
    ----------
    main
        The manuscript's main file, its ``numbers.tex`` beside it.
    tables
        Folder of exported tables, ``*.tex``.
    count
        Edits in all: three of four are of the text, while it has so many.

    Returns
    -------
    dict
        Attempts of ``text`` and of ``exported``, together `count`; and beside these a tenth as many
        of each of `NAMES`. What a sum, a unit or a comparison finds counts as recomputed; what only
        differs from a quotation, a note or the export does not.
    """
    draw = random.Random(seed)
    with TemporaryDirectory() as work:
        written = _exported(main.parent, tables, Path(work) / "written")
        folder = Path(shutil.copytree(written, Path(work) / "manuscript"))
        main = folder / main.name
        files = [folder / "numbers.tex", *sorted((folder / "tables").glob("*.tex"))]
        every: dict[str, list[Placed]] = {"text": [], "exported": [], **{n: [] for n in NAMES}}
        every["exported"] = [placed for path in files for placed in _cells(path, draw)]
        for part, placed in dict.fromkeys(_text(main, draw, claims)):
            every[part].append(placed)
        sizes = dict.fromkeys(NAMES, count // 10) | {"text": 3 * count // 4}
        sizes["exported"] = count - min(sizes["text"], len(every["text"]))
        return {
            part: [
                _attempt(main, path, edit, written, claims)
                for path, edit in draw.sample(placed, min(sizes[part], len(placed)))
            ]
            for part, placed in every.items()
        }


def _exported(manuscript: Path, tables: Path, folder: Path) -> Path:
    shutil.copytree(manuscript, folder)
    (folder / "tables").mkdir(exist_ok=True)
    for path in tables.glob("*.tex"):
        shutil.copy(path, folder / "tables")
    return folder


def _text(
    main: Path, draw: random.Random, claims: Mapping[str, Claim]
) -> Iterator[tuple[str, Placed]]:
    """Edits of everything that the text prints, and of names, with the part that each is of."""
    starts: dict[str, list[int]] = {}
    for line, numbers in classified(read_manuscript(main), claims, read_works(main.parent)):
        path = main.parent / line.file
        if line.file not in starts:
            lengths = [len(text) + 1 for text in path.read_text(encoding="utf-8").split("\n")]
            starts[line.file] = [0, *accumulate(lengths)]
        start = starts[line.file][line.number - 1]
        printed = [match for match, _, kind in numbers if kind != "name"]
        for part, edit in (*_names(line, draw), *_statements(line, printed, draw)):
            yield part, (path, replace(edit, start=start + edit.start, end=start + edit.end))


def _statements(
    line: Line, printed: list[re.Match[str]], draw: random.Random
) -> Iterator[tuple[str, Edit]]:
    """Edits of the numbers, units and signs of a line, offsets from its start."""
    for match in printed * EDITS_OF_A_NUMBER:
        digits = other_number(match["digits"], draw)
        yield "text", Edit(*match.span("digits"), digits, "number")
    for edit in edits(line.visible, draw):
        if edit.kind != "number":
            yield "text", edit


def _names(line: Line, draw: random.Random) -> Iterator[tuple[str, Edit]]:
    """Edits of a digit of names in a line, and of names of recorded numbers."""
    places = [("name", match.span()) for match in digit_names(line.visible)]
    places += [("id", match.span(1)) for match in BRNB.finditer(line.text)]
    for part, (start, end) in places:
        name = line.text[start:end]
        if any(character.isdigit() for character in name):
            digits = re.sub(r"^\D*", "", name)
            new = name[: len(name) - len(digits)] + other_number(digits, draw)
            yield part, Edit(start, end, new, part)


def _cells(path: Path, draw: random.Random) -> Iterator[Placed]:
    """Edits of the cells of a table, or of the values of ``numbers.tex``."""
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"^.*&.*$|(?<=\}\{).*(?=\}$)", text, re.MULTILINE):
        for edit in edits(text, draw, *match.span()):
            kind = "cell" if edit.kind == "number" else edit.kind
            yield path, replace(edit, kind=kind)


def _attempt(
    main: Path, path: Path, edit: Edit, written: Path, claims: Mapping[str, Claim]
) -> Attempt:
    text = path.read_text(encoding="utf-8")
    path.write_text(edit.apply(text), encoding="utf-8")
    try:
        numbers = read_numbers(main.parent / "numbers.tex")
        checked = check_manuscript(main, numbers, claims)
        changed = [fault for fault in checked.faults if fault.kind in COMPARED]
        changed += edited_files(main.parent, written)
    finally:
        path.write_text(text, encoding="utf-8")
    computed = [fault for fault in checked.faults if fault.kind not in COMPARED]
    summed = tuple(f"{fault.file}:{fault.line}" for fault in computed)
    compared = tuple(f"{fault.file}:{fault.line}" for fault in changed)
    compared += tuple(f"{number.file}:{number.line}" for number in checked.loose)
    return Attempt(path.name, edit, text[edit.start : edit.end], summed, compared)
