"""The LaTeX document as PDF: compiled by latexmk, and its log read for what would be ugly."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

LATEX_PACKAGES = (
    "apt-get install latexmk texlive-latex-recommended texlive-lang-portuguese "
    "(lmodern for better type)"
)
_LEFT = (".aux", ".fdb_latexmk", ".toc", ".lof", ".lot", ".out", ".brnbloa")  # by the last run
OVERFULL = 5.0  # points in the margin that nobody sees
_WARNING = re.compile(
    r"LaTeX (?:Font )?Warning: (?!Label\(s\) may have changed).*|Package \w+ (?:Warning|Error): .*"
)
_BOX = re.compile(r"Overfull \\hbox \(([\d.]+)pt too wide\).*")


@dataclass(frozen=True)
class Compiled:
    """The file, and a line for everything in the log that a reader would see."""

    path: Path
    problems: list[str]

    def __str__(self) -> str:
        return "\n".join([*self.problems, str(self.path)])


def compile_document(folder: Path) -> Compiled:
    """Compile ``document.tex`` of ``reports/<profile>``.

    Raises
    ------
    FileNotFoundError
        If there is no document or no latexmk; says what to run or to install.
    ValueError
        If LaTeX stops; holds its first error with file and line.
    """
    if not (folder / "document.tex").is_file():
        raise FileNotFoundError(f"{folder}/document.tex is missing: run the chapters (make thesis)")
    if shutil.which("latexmk") is None:
        raise FileNotFoundError(f"latexmk is missing: {LATEX_PACKAGES}")
    well, log = _latexmk(folder)
    if (
        not well
    ):  # half an .aux of a run that was killed, lists of another class: without, once more
        for suffix in _LEFT:
            (folder / f"document{suffix}").unlink(missing_ok=True)
        well, log = _latexmk(folder)
    if not well:
        raise ValueError(f"{folder}/document.tex does not compile: {first_error(log)}")
    return Compiled(folder / "document.pdf", problems(log))


def _latexmk(folder: Path) -> tuple[bool, str]:
    """Whether LaTeX went through, and its log."""
    command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error"]
    done = subprocess.run(
        [*command, "document"], cwd=folder, capture_output=True, text=True, errors="replace"
    )
    log = folder / "document.log"
    return done.returncode == 0, log.read_text("latin-1") if log.is_file() else done.stdout


def first_error(log: str) -> str:
    """File, line and message of the first error in a log of latexmk's ``-file-line-error``."""
    match = re.search(r"^(?:\./)?([^\s:]+\.\w+:\d+: .*|! .*)$", log, re.MULTILINE)
    if not match:
        return "see document.log"
    missing = re.search(r"File `\S+' not found", match[1])
    return f"{match[1]} ({LATEX_PACKAGES})" if missing else match[1]


def problems(log: str) -> list[str]:
    """Warnings of a log, and boxes that reach further into the margin than `OVERFULL`."""
    boxes = [box[0] for box in _BOX.finditer(log) if float(box[1]) >= OVERFULL]
    return list(dict.fromkeys([*_WARNING.findall(log), *boxes]))
