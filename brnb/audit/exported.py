"""Files of ours in a manuscript's folder: whether they still are what brnb wrote."""

import hashlib
import re
from itertools import zip_longest
from pathlib import Path

from brnb.audit.latex_source import GENERATED
from brnb.audit.sentences import Fault

MANIFEST = "brnb-manifest.json"  # that brnb export leaves beside what it wrote
PATTERNS = ("numbers.tex", "published.tex", "tables/*.tex", "algorithms/*.tex")
_SEAL = re.compile(r"% sha256 of what follows: (\w{64})\n")


def sealed(text: str) -> str:
    """A generated text with the hash of what follows its first line, wherever it is copied to."""
    first, _, rest = text.partition("\n")
    return f"{first}\n% sha256 of what follows: {_sha256(rest)}\n{rest}"


def broken_seals(folder: Path) -> list[Fault]:
    """Generated files that are no longer what their own hash says."""
    faults = []
    for path in sorted(folder.glob("*.tex")):
        text = path.read_bytes().decode("utf-8", errors="replace")
        seal = _SEAL.search(text) if text.startswith(GENERATED) else None
        if seal and _sha256(text[seal.end() :]) != seal[1]:
            said = "edited by hand since brnb wrote it: brnb report or brnb export writes it anew"
            faults.append(Fault(path.name, 2, "edited", said))
    return faults


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


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
