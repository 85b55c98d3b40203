"""A large file of lines in parts that processes read side by side, and files joined again."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

PART_BYTES = 2**26

ByteSpan = tuple[int, int]
"""First byte of a part, and the one after its last."""


def spans(file: Path) -> list[ByteSpan]:
    """Cut a file at the first line ends after every `PART_BYTES`; at least one part."""
    size = file.stat().st_size
    cuts = [0]
    with file.open("rb") as lines:
        while cuts[-1] + PART_BYTES < size:
            lines.seek(cuts[-1] + PART_BYTES)
            lines.readline()
            cuts.append(lines.tell())
    if cuts[-1] < size or len(cuts) == 1:
        cuts.append(size)
    return list(pairwise(cuts))


def texts_in(file: Path, span: ByteSpan) -> Iterator[str]:
    """Stream the texts of a part of a corpus file.

    Raises
    ------
    ValueError
        If a line is damaged; names the file and the byte.
    """
    start, end = span
    with file.open("rb") as lines:
        lines.seek(start)
        while start < end:
            line = lines.readline()
            try:
                yield json.loads(line)["text"]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise ValueError(f"{file}: a damaged line at byte {start} ({error})") from None
            start += len(line)


def concatenate(parts: Sequence[Path], file: Path) -> None:
    """Write files one after the other into one, whole and on disk, or not at all."""
    partial = file.with_name(f"{file.name}.partial")
    with partial.open("wb") as joined:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, joined, 2**22)
        joined.flush()
        os.fsync(joined.fileno())
    partial.replace(file)
