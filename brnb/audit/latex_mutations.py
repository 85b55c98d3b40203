"""Seeded edits in copies of our own LaTeX, and how many of them ``brnb check paper.tex`` finds.

Edited are the text of a manuscript, with its notes, and what was exported beside it: recorded
numbers and cells of tables. Everything of the text is in the draw, told apart by what it rests on.
Recorded, quoted and computed numbers, and the units and signs on their lines, can be checked. What
is edited into another true statement cannot: a number that a note only justifies in words, one of a
chapter or a year, the name of a recorded number that becomes the name of another.
"""

import random
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from brnb.audit.claims import Claim
from brnb.audit.exported import edited_files
from brnb.audit.latex_source import BRNB, Line, read_manuscript
from brnb.audit.manuscript import check_manuscript, classified, read_numbers
from brnb.audit.mutations import SEED, Attempt, Edit, edits, other_number

Placed = tuple[Path, Edit]
BEYOND = ("justified", "ordinal", "renamed")  # why nothing contradicts an edit
_PART = {"quoted": "text", "computed": "text", "ordinal": "ordinal"}  # by class of a number
EDITS_OF_A_NUMBER = 3  # of the text, which has few


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
        Attempts of ``text`` and of ``exported``, and of each of `BEYOND`. What arithmetic finds
        in them counts as recomputed; what only differs from the export does not.
    """
    draw = random.Random(seed)
    with TemporaryDirectory() as work:
        written = _exported(main.parent, tables, Path(work) / "written")
        folder = Path(shutil.copytree(written, Path(work) / "manuscript"))
        main = folder / main.name
        files = [folder / "numbers.tex", *sorted((folder / "tables").glob("*.tex"))]
        cells = [("exported", placed) for path in files for placed in _cells(path, draw)]
        text = list(dict.fromkeys(_text(main, draw, claims)))
        attempts: dict[str, list[Attempt]] = {"text": [], "exported": []}
        attempts |= {reason: [] for reason in BEYOND}
        drawn = draw.sample(text, min(3 * count // 4, len(text)))
        drawn += draw.sample(cells, min(count - len(drawn), len(cells)))
        for part, (path, edit) in drawn:
            attempts[part].append(_attempt(main, path, edit, written, claims))
        return attempts


def _exported(manuscript: Path, tables: Path, folder: Path) -> Path:
    shutil.copytree(manuscript, folder)
    (folder / "tables").mkdir(exist_ok=True)
    for path in tables.glob("*.tex"):
        shutil.copy(path, folder / "tables")
    return folder


def _text(
    main: Path, draw: random.Random, claims: Mapping[str, Claim]
) -> Iterator[tuple[str, Placed]]:
    """Edits of everything that the text prints or rests on, each with the part that it is of."""
    numbers = read_numbers(main.parent / "numbers.tex")
    starts: dict[str, list[int]] = {}
    for line in read_manuscript(main):
        path = main.parent / line.file
        if line.file not in starts:
            lengths = [len(text) + 1 for text in path.read_text(encoding="utf-8").split("\n")]
            starts[line.file] = [0, *accumulate(lengths)]
        start = starts[line.file][line.number - 1]
        of_line = (*_numbers(line, draw, claims), *_names(line, draw, numbers))
        for part, edit in (*of_line, *_units_and_signs(line, draw, claims)):
            yield part, (path, replace(edit, start=start + edit.start, end=start + edit.end))


def _numbers(
    line: Line, draw: random.Random, claims: Mapping[str, Claim]
) -> Iterator[tuple[str, Edit]]:
    """Edits of the printed numbers of a line, offsets from its start."""
    for match, _, kind in [*classified(line, claims)] * EDITS_OF_A_NUMBER:
        digits = other_number(match["digits"], draw)
        yield _PART.get(kind, "justified"), Edit(*match.span("digits"), digits, "number")


def _names(
    line: Line, draw: random.Random, numbers: Mapping[str, str]
) -> Iterator[tuple[str, Edit]]:
    """Edits of a digit in the names of recorded numbers, as v1 in ``\\brnb{v1.val_ppl}``."""
    for match in BRNB.finditer(line.text):
        if any(character.isdigit() for character in match[1]):
            name = other_number(re.sub(r"^\D*", "", match[1]), draw)
            name = match[1][: len(match[1]) - len(name)] + name
            part = "renamed" if name in numbers else "text"
            yield part, Edit(*match.span(1), name, "name")


def _units_and_signs(
    line: Line, draw: random.Random, claims: Mapping[str, Claim]
) -> Iterator[tuple[str, Edit]]:
    """Edits of the units and signs of a line; what they belong to says whether they are checked."""
    kinds = {_PART.get(kind, "justified") for _, _, kind in classified(line, claims)}
    part = "text" if BRNB.search(line.text) or "text" in kinds else "justified"
    for edit in edits(line.visible, draw):
        if edit.kind != "number":
            yield part, edit


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
        arithmetic = tuple(f"{fault.file}:{fault.line}" for fault in checked.faults)
        compared = tuple(f"{f.file}:{f.line}" for f in edited_files(main.parent, written))
    finally:
        path.write_text(text, encoding="utf-8")
    return Attempt(path.name, edit, text[edit.start : edit.end], arithmetic, compared)
