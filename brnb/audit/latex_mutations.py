"""Seeded edits in copies of our own LaTeX, and how many of them ``brnb check paper.tex`` finds.

Edited are the text of a manuscript and what was exported beside it: recorded numbers and cells of
tables. In the text an edit is drawn from what rests on something: recorded, quoted or computed
numbers and the units and signs on their lines. Numbers that a note justifies in words, and those of
chapters and years, are left out: nobody but the author can tell them from others.
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
from brnb.audit.latex_source import BRNB, read_manuscript
from brnb.audit.manuscript import check_manuscript, classified, read_numbers
from brnb.audit.mutations import SEED, Attempt, Edit, edits, other_number

Placed = tuple[Path, Edit]
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
        Edits of the text, and as many of what is exported.

    Returns
    -------
    dict
        Attempts of ``text`` and of ``exported``. What arithmetic finds in them counts as
        recomputed; what only differs from the export does not.
    """
    draw = random.Random(seed)
    with TemporaryDirectory() as work:
        written = _exported(main.parent, tables, Path(work) / "written")
        folder = Path(shutil.copytree(written, Path(work) / "manuscript"))
        exported = [folder / "numbers.tex", *sorted((folder / "tables").glob("*.tex"))]
        places = {
            "text": list(dict.fromkeys(_text(folder / main.name, draw, claims))),
            "exported": [placed for path in exported for placed in _cells(path, draw)],
        }
        return {
            part: [
                _attempt(folder / main.name, path, edit, written, claims)
                for path, edit in draw.sample(drawn, min(count, len(drawn)))
            ]
            for part, drawn in places.items()
        }


def _exported(manuscript: Path, tables: Path, folder: Path) -> Path:
    shutil.copytree(manuscript, folder)
    (folder / "tables").mkdir(exist_ok=True)
    for path in tables.glob("*.tex"):
        shutil.copy(path, folder / "tables")
    return folder


def _text(main: Path, draw: random.Random, claims: Mapping[str, Claim]) -> Iterator[Placed]:
    """Edits of quoted and computed numbers, and of units and signs on lines that check them."""
    starts: dict[str, list[int]] = {}
    for line in read_manuscript(main):
        path = main.parent / line.file
        if line.file not in starts:
            lengths = [len(text) + 1 for text in path.read_text(encoding="utf-8").split("\n")]
            starts[line.file] = [0, *accumulate(lengths)]
        start = starts[line.file][line.number - 1]
        backed = [m for m, _, kind in classified(line, claims) if kind in ("quoted", "computed")]
        for match in backed * EDITS_OF_A_NUMBER:
            first, last = match.span("digits")
            digits = other_number(match["digits"], draw)
            yield path, Edit(start + first, start + last, digits, "number")
        if backed or BRNB.search(line.text):
            for edit in edits(line.visible, draw):
                if edit.kind != "number":
                    yield path, replace(edit, start=start + edit.start, end=start + edit.end)


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
