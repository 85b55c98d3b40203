"""The files of a run on their way: written aside, moved to their place when the run closes.

Until then a finished run's receipt, tables, figures and artefacts stay as they were, so that a
rerun that is interrupted, however late, takes nothing away. Moving is renaming within one file
system. Should the machine die between two of the renames, the old receipt finds bytes that it does
not list, and the run counts as stale.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from brnb import receipt


class Outputs:
    """What one run has written so far, in the form of ``reports/<profile>``.

    Attributes
    ----------
    aside
        Stands for ``reports/<profile>`` while the run is open; empty at first.
    folder
        ``runs/<run>`` in it.
    """

    def __init__(self, home: Path, run: str) -> None:
        self.run = run
        self.aside = home / ".unfinished" / run
        self.folder = self.aside / "runs" / run
        shutil.rmtree(self.aside, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def describe(self) -> dict[str, receipt.Artefact]:
        """Size and hash of every file, by path relative to ``reports/<profile>``."""
        files = sorted(path for path in self.aside.rglob("*") if path.is_file())
        return {p.relative_to(self.aside).as_posix(): receipt.describe(p) for p in files}

    def publish(self, result: receipt.Receipt, home: Path) -> None:
        """Move the files to `home`, and last the receipt: from now on the new run is the valid one.

        Files of ``runs/<run>`` that only the old receipt lists are removed.
        """
        place = home / "runs" / self.run / "receipt.json"
        outdated = _listed(place) - result.artefacts.keys()
        for path in result.artefacts:
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.aside / path, home / path)
        receipt.write_receipt(place, result)
        for path in outdated:
            if path.startswith(f"runs/{self.run}/"):
                (home / path).unlink(missing_ok=True)
        shutil.rmtree(self.aside)
        with suppress(OSError):  # another run is writing
            self.aside.parent.rmdir()


def _listed(place: Path) -> set[str]:
    """What a receipt lists; nothing if there is none that can be read."""
    try:
        return set(receipt.read_receipt(place).artefacts)
    except (FileNotFoundError, ValueError):
        return set()
