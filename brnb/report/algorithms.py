"""Algorithms as floats of a LaTeX document, with the dissertation's numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brnb.report.labels import label
from brnb.report.latex import escape
from brnb.thesis import load


def write_algorithms(folder: Path, lang: str) -> list[Path]:
    """Write ``alg01.tex`` to ``alg22.tex``, for ``\\brnbalgorithm{alg07}``; their paths.

    Captions are in `lang`, steps in Portuguese, as the dissertation states them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, facts in load("algorithms").items():
        path = folder / f"alg{number}.tex"
        path.write_text(algorithm(number, facts, lang), encoding="utf-8", newline="\n")
        paths.append(path)
    return paths


def algorithm(number: str, facts: dict[str, Any], lang: str) -> str:
    """The float of one algorithm.

    Parameters
    ----------
    number
        Two digits: its number, and that of its label ``alg:07``.
    facts
        As in ``brnb/thesis/algorithms.yaml``.
    """
    notes = [rf"\texttt{{{escape(facts['code'])}}}", facts.get("note", "")]
    lines = [
        r"\begin{brnbalgorithmfloat}[htbp]",
        rf"\setcounter{{brnbalgorithmfloat}}{{{int(number) - 1}}}",
        rf"\caption{{{escape(label(f'alg{number}', lang))}}}\label{{alg:{number}}}",
        *_steps(facts["steps"]),
        rf"\par\footnotesize {' · '.join(note for note in notes if note)}",
        r"\end{brnbalgorithmfloat}",
    ]
    return "\n".join(lines) + "\n"


def _steps(steps: list[Any]) -> Iterator[str]:
    yield r"\begin{enumerate}\setlength\itemsep{0pt}"
    for step in steps:
        if isinstance(step, dict):
            for text, inner in step.items():
                yield rf"\item {text}"
                yield from _steps(inner)
        else:
            yield rf"\item {step}"
    yield r"\end{enumerate}"
