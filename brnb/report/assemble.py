"""What a profile's runs left, gathered: the LaTeX document, and where everything is."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb.pipeline import Pipeline
from brnb.report.document import write_document
from brnb.report.export import STYLES
from brnb.report.outline import listed, outline
from brnb.report.overview import write_overview
from brnb.unchanged import hash_sources, is_done, note_done

DEMONSTRATION = "smoke"  # the profile whose numbers show how things work, and nothing else


@dataclass(frozen=True)
class Assembly:
    """Where everything is; prints as the last lines of ``make thesis``.

    Attributes
    ----------
    unsealed
        Runs whose receipts are of an older form: nothing shows whether these are whole.
    """

    folder: Path
    tables: int
    figures: int
    numbers: int
    document: Path
    overview: Path
    unsealed: int = 0

    def __str__(self) -> str:
        lines = [
            f"tables    {self.folder / 'tables'} ({self.tables}, as .tex and .csv)",
            f"figures   {self.folder / 'figures'} ({self.figures}, as .pdf, .png and .csv)",
            f"numbers   {self.folder / 'numbers.tex'} ({self.numbers})",
            f"document  {self.document} (make pdf)",
            f"overview  {self.overview}",
        ]
        if self.unsealed:
            lines.append(
                f"old       {self.unsealed} runs have receipts of older code: "
                f"brnb status --profile {self.folder.name} says what no longer holds"
            )
        return "\n".join(lines)


def assemble(pipeline: Pipeline) -> Assembly:
    """Write the document and the front page of a profile from what its executed runs left.

    Raises
    ------
    FileNotFoundError
        If no run of the profile was executed; names the command.
    """
    folder = pipeline.root / "reports" / pipeline.profile
    executed = [run for run in pipeline.runs if (folder / f"notebooks/{run}.ipynb").is_file()]
    if not executed:
        raise FileNotFoundError(
            f"nothing ran yet in profile {pipeline.profile}: PROFILE={pipeline.profile} make thesis"
        )
    lang = str(pipeline.params(executed[0])["lang"])
    document, overview = _document(pipeline, lang), write_overview(pipeline, lang)
    notes = [_read(pipeline.folder(run) / "receipt.json") for run in pipeline.runs]
    return Assembly(
        folder=folder.relative_to(pipeline.root),
        tables=len(list((folder / "tables").glob("*.tex"))),
        figures=len(list((folder / "figures").glob("*.pdf"))),
        numbers=sum(len(note.get("numbers", ())) for note in notes),
        document=document.relative_to(pipeline.root),
        overview=overview.relative_to(pipeline.root),
        unsealed=sum(bool(note) and not note.get("seal") for note in notes),
    )


def _document(pipeline: Pipeline, lang: str) -> Path:
    """Write the document and what it loads, unless they are there of the same sources."""
    note = pipeline.root / "work" / pipeline.profile / "document"
    notebooks = [pipeline.notebook(run) for run in pipeline.runs]
    listing = sorted(listed(pipeline.reports))
    declared = pipeline.root / "params" / "pipeline.yaml"
    sources = hash_sources([declared, *notebooks], pipeline.profile, lang, pipeline.runs, listing)
    document = pipeline.reports / "document.tex"
    if is_done(note, sources, _written(document)):
        print("document: nothing that it is made of changed: it stays as it is")
        return document
    chapters, small = outline(pipeline, lang), pipeline.profile == DEMONSTRATION
    write_document(pipeline.reports, lang, chapters, demonstration=small)
    note_done(note, sources, _written(document))
    return document


def _written(document: Path) -> list[Path]:
    """What `write_document` writes."""
    names = ("published.tex", "references.bib", *STYLES)
    return [document, *(document.with_name(name) for name in names)]


def _read(receipt: Path) -> dict[str, Any]:
    """What a receipt says, of whatever form; nothing, if it is not there or damaged."""
    try:
        return dict(json.loads(receipt.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}
