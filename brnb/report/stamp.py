"""Every table and figure says which run made it: run and fingerprint of its receipt.

In LaTeX and CSV a comment on the first line, in a PDF its subject, of fixed length, so that no
offset of the file moves.
"""

import re
from pathlib import Path

PENDING = "brnb receipt pending".ljust(96)  # what `brnb.report.figures` writes as subject
_STAMP = re.compile(rb"brnb receipt: (\S+) ([0-9a-f]{16})")


def stamp(folder: Path, run: str, fingerprint: str) -> None:
    """Write the id of a receipt into the tables and figures of a run.

    Parameters
    ----------
    folder
        With ``tables/`` and ``figures/`` of this run alone.
    run, fingerprint
        As the receipt will have them.
    """
    line = f"brnb receipt: {run} {fingerprint}"
    for pattern, sign in (("tables/*.tex", "%"), ("tables/*.csv", "#"), ("figures/*.csv", "#")):
        for path in sorted(folder.glob(pattern)):
            path.write_bytes(f"{sign} {line}\n".encode() + path.read_bytes())
    for path in sorted(folder.glob("figures/*.pdf")):
        subject = line.ljust(len(PENDING)).encode()[: len(PENDING)]
        path.write_bytes(path.read_bytes().replace(PENDING.encode(), subject, 1))


def read_stamp(path: Path) -> tuple[str, str] | None:
    """Run and fingerprint that a table or figure was stamped with, None if it was not."""
    match = _STAMP.search(path.read_bytes())
    return (match[1].decode(), match[2].decode()) if match else None
