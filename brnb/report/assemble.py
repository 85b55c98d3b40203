"""What a profile's runs left, gathered: the HTML book and the LaTeX document."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb.pipeline import Pipeline
from brnb.report.book import build_book
from brnb.report.document import write_document
from brnb.report.outline import outline

DEMONSTRATION = "smoke"  # the profile whose numbers show how things work, and nothing else


@dataclass(frozen=True)
class Assembly:
    """Where everything is; prints as the last lines of ``make thesis``."""

    folder: Path
    tables: int
    figures: int
    numbers: int
    book: Path
    document: Path

    def __str__(self) -> str:
        return "\n".join(
            [
                f"tables    {self.folder / 'tables'} ({self.tables}, as .tex and .csv)",
                f"figures   {self.folder / 'figures'} ({self.figures}, as .pdf and .png)",
                f"numbers   {self.folder / 'numbers.tex'} ({self.numbers})",
                f"book      {self.book}",
                f"document  {self.document} (make pdf)",
            ]
        )


def assemble(pipeline: Pipeline) -> Assembly:
    """Build the book and the document of a profile from its executed runs.

    Raises
    ------
    FileNotFoundError
        If no run of the profile was executed; names the command.
    """
    folder = pipeline.root / "reports" / pipeline.profile
    executed = {run: folder / "notebooks" / f"{run}.ipynb" for run in pipeline.runs}
    notebooks = [(run, executed[run]) for run in pipeline.runs if executed[run].is_file()]
    if not notebooks:
        raise FileNotFoundError(
            f"nothing ran yet in profile {pipeline.profile}: PROFILE={pipeline.profile} make thesis"
        )
    notebooks.sort(key=lambda item: (pipeline.notebook(item[0]).stem, pipeline.runs.index(item[0])))
    receipts = {status.run: _shown(pipeline, status.asdict()) for status in pipeline.status()}
    lang = str(pipeline.params(notebooks[0][0])["lang"])
    cache = pipeline.root / "work" / pipeline.profile / "book"
    book = build_book(notebooks, folder, lang, receipts, cache)
    chapters = outline(pipeline, lang)
    document = write_document(
        folder, lang, chapters, demonstration=pipeline.profile == DEMONSTRATION
    )
    return Assembly(
        folder=folder.relative_to(pipeline.root),
        tables=len(list((folder / "tables").glob("*.tex"))),
        figures=len(list((folder / "figures").glob("*.pdf"))),
        numbers=sum(len(shown["numbers"]) for shown in receipts.values()),
        book=book.relative_to(pipeline.root),
        document=document.relative_to(pipeline.root),
    )


def _shown(pipeline: Pipeline, status: dict[str, Any]) -> dict[str, Any]:
    """State, seconds and numbers of a run, for the book's index."""
    file = pipeline.folder(status["run"]) / "receipt.json"
    try:
        numbers = json.loads(file.read_text("utf-8"))["numbers"]
    except (OSError, ValueError, KeyError):
        numbers = {}
    return {"state": status["state"], "seconds": status["seconds"], "numbers": numbers}
