"""The order of the LaTeX document: the dissertation's chapters, the notebooks' sections."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from brnb import data
from brnb.pipeline import Pipeline
from brnb.report.labels import label, run_name
from brnb.sources import read_source

_KINDS = {"tables": "*.tex", "figures": "*.pdf", "algorithms": "*.tex"}


@dataclass
class Section:
    """Artefacts of one heading; a title of None prints none."""

    title: str | None
    ids: list[str] = field(default_factory=list)


@dataclass
class Chapter:
    """Sections of one chapter, and where the dissertation has its subject."""

    title: str
    place: str | None
    sections: list[Section]


def listed(folder: Path) -> set[str]:
    """Ids of all tables, figures and algorithms in ``reports/<profile>``."""
    return {path.stem for kind, glob in _KINDS.items() for path in (folder / kind).glob(glob)}


def outline(pipeline: Pipeline, lang: str) -> list[Chapter]:
    """Every artefact of a profile once: in its chapter, in the order of its notebook's cells.

    What no cell names comes last, so that nothing is lost.
    """
    left = listed(pipeline.reports)
    chapters = []
    for entry in data.read("report/outline.yaml"):
        first = [id for id in entry.get("first", []) if id in left]
        left -= set(first)
        sections = [Section(None, first)] if first else []
        for run in _runs(pipeline, entry["notebooks"]):
            parts = list(_sections(pipeline, run, left, lang, _several(pipeline, entry)))
            sections += parts
            left -= {id for section in parts for id in section.ids}
        if last := [id for id in entry.get("last", []) if id in left]:
            sections.append(Section(label("algorithms", lang), last))
            left -= set(last)
        if sections:
            chapters.append(Chapter(entry[lang], entry.get("place"), sections))
    if left:
        chapters.append(Chapter(label("others", lang), None, [Section(None, sorted(left))]))
    return chapters


def _runs(pipeline: Pipeline, notebooks: Iterable[str]) -> list[str]:
    """Runs of these notebooks, in the order of the notebooks and of ``pipeline.yaml``."""
    return [
        run
        for notebook in notebooks
        for run, spec in pipeline.declared.items()
        if spec["notebook"] == notebook
    ]


def _several(pipeline: Pipeline, entry: Mapping[str, Any]) -> bool:
    return len(_runs(pipeline, entry["notebooks"])) > 1


def _sections(
    pipeline: Pipeline, run: str, left: set[str], lang: str, several: bool
) -> Iterator[Section]:
    """Artefacts of a run by its notebook's headings, or under its name if it shares a chapter."""
    named: dict[str | None, list[str]] = {}
    seen: set[str] = set()
    for heading, text in _named(pipeline.notebook(run), run):
        id = pipeline.artefact(run, text)
        if id in left and id not in seen:
            seen.add(id)
            title = run_name(run, lang) if several else _title(heading, lang)
            named.setdefault(title, []).append(id)
    yield from (Section(title, ids) for title, ids in named.items())


def _title(heading: str | None, lang: str) -> str | None:
    """A notebook's Portuguese heading in the document's language, where it has a translation."""
    if heading is None or lang == "pt":
        return heading
    return _english().get(heading, heading)


@cache
def _english() -> dict[str, str]:
    return dict(data.read("report/headings.yaml"))


def _named(notebook: Path, run: str) -> Iterator[tuple[str | None, str]]:
    """Heading and text of every string in a notebook's code, in their order."""
    heading = None
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            titles = [line for line in source.splitlines() if line.startswith("## ")]
            heading = titles[-1][3:].replace("*", "") if titles else heading
        elif cell["cell_type"] == "code":
            strings = read_source(source, notebook.name).strings
            texts = sorted(strings, key=lambda text: source.find(text.split("{}")[0]))
            yield from ((heading, text.replace("{}", run)) for text in texts)
