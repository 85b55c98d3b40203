"""An executed notebook read for its page: title, prose, code and outputs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb.book.safe import output_html

# Cells that open and close a run are the house's, not the story's: their outputs fold with them.
_PLUMBING = re.compile(r"\bopen_run\(|\brun\.close\(")
_TAGS = {"parameters": "parameters", "injected-parameters": "injected"}
_MADE = re.compile(r"\brun\.(table|figure)\(\s*f?[\"']([^\"']+)[\"']")


@dataclass(frozen=True)
class Prose:
    """A Markdown cell."""

    text: str


@dataclass(frozen=True)
class Code:
    """A code cell.

    Attributes
    ----------
    number
        Of the notebook's code cells, from 1, as `brnb where` counts.
    source
        Python.
    made
        Ids of the tables and figures that it makes.
    outputs
        Safe HTML, one text an output.
    folded
        Whether its outputs are for whoever opens the code: values without words.
    kind
        "code", "parameters", or "injected": what papermill put in for the profile.
    """

    number: int
    source: str
    made: tuple[str, ...]
    outputs: tuple[str, ...]
    folded: bool
    kind: str


@dataclass(frozen=True)
class Executed:
    """An executed notebook, without what changes from one execution to the next.

    Attributes
    ----------
    run
        That executed it.
    notebook
        Its name in ``notebooks/``, which begins with the chapter's number.
    title
        Its first heading.
    cells
        In order.
    """

    run: str
    notebook: str
    title: str
    cells: tuple[Prose | Code, ...]

    @property
    def chapter(self) -> str:
        """Number of the chapter: "4" of ``04_v1_char_rnn``."""
        return self.notebook.partition("_")[0].lstrip("0") or "0"


def read_executed(run: str, notebook: str, path: Path) -> Executed:
    """Read the executed notebook of a run.

    Parameters
    ----------
    run, notebook
        Names of both.
    path
        The executed file.

    Raises
    ------
    ValueError
        If it cannot be read; names it.
    """
    import nbformat

    try:
        known = tuple(_cells(nbformat.read(path, as_version=4).cells, run))
    except Exception as error:  # nbformat raises anything, and returns cells without their fields
        raise ValueError(f"{path} is not a readable notebook: run its chapter again") from error
    return Executed(run, notebook, _title(known, path.stem), known)


def _cells(cells: list[Any], run: str) -> Iterator[Prose | Code]:
    number = 0
    for cell in cells:
        if cell.cell_type == "markdown":
            yield Prose(cell.source)
        elif cell.cell_type == "code" and cell.source.strip():
            kind = next(
                (_TAGS[tag] for tag in cell.metadata.get("tags", []) if tag in _TAGS), "code"
            )
            number += kind != "injected"
            yield _code(cell, number, run, kind)


def _code(cell: Any, number: int, run: str, kind: str) -> Code:
    outputs = [(output, output_html(output)) for output in cell.outputs]
    shown = [(output, text) for output, text in outputs if text]
    bare = all(set(output.get("data", {"text/html": ""})) == {"text/plain"} for output, _ in shown)
    return Code(
        number=number,
        source=cell.source,
        made=tuple(name.replace("{run.id}", run) for _, name in _MADE.findall(cell.source)),
        outputs=tuple(text for _, text in shown),
        folded=bare or bool(_PLUMBING.search(cell.source)),
        kind=kind,
    )


def _title(cells: tuple[Prose | Code, ...], default: str) -> str:
    for cell in cells:
        for line in cell.text.splitlines() if isinstance(cell, Prose) else ():
            if line.startswith("# "):
                return line[2:].strip()
    return default
