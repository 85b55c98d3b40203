"""Files of ours in a manuscript's folder: whether they still are what brnb wrote."""

from itertools import zip_longest
from pathlib import Path

from brnb.audit.sentences import Fault

PATTERNS = ("numbers.tex", "published.tex", "tables/*.tex", "algorithms/*.tex")


def edited_files(folder: Path, written: Path) -> list[Fault]:
    """Lines of exported files that are not those of ``reports/<profile>``, the first of each file.

    Parameters
    ----------
    folder
        Of the manuscript; an export lies in it.
    written
        ``reports/<profile>``, from which it came.
    """
    faults = []
    for pattern in PATTERNS:
        for path in sorted(folder.glob(pattern)):
            name = path.relative_to(folder)
            if (written / name).is_file() and path.read_bytes() != (written / name).read_bytes():
                faults.append(_first_difference(name, path, written / name))
    return faults


def _first_difference(name: Path, path: Path, original: Path) -> Fault:
    ours, theirs = (file.read_text(encoding="utf-8").split("\n") for file in (path, original))
    number, there = next(
        (number, there)
        for number, (here, there) in enumerate(zip_longest(ours, theirs), start=1)
        if here != there
    )
    text = f"edited by hand, or of another run: brnb wrote {there!r}; run brnb export again"
    return Fault(name.as_posix(), number, "edited", text)
