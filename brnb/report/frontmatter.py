"""What stands before the first chapter of the document: title page, abbreviations, glossary."""

from collections.abc import Iterable, Sequence
from unicodedata import normalize

from brnb import data
from brnb.report.labels import label
from brnb.report.latex import escape


def front_matter(lang: str) -> str:
    """Title page, abbreviations and glossary in LaTeX, for ``brnbthesis.sty``."""
    words = data.read("report/frontmatter.yaml")
    short = sorted((words["abbreviations"] | words["ours"]).items(), key=_alphabetical)
    terms = sorted((entry[lang] for entry in words["glossary"]), key=_alphabetical)
    fields = ("thesis_title", "author", "thesis_nature", "advisor", "place_and_year")
    title = "".join(f"{{{escape(label(field, lang))}}}" for field in fields)
    return "\n".join(
        [
            rf"\brnbtitlepage{title}",
            *_glossary("abbreviations", short, lang),
            *_glossary("glossary", terms, lang),
        ]
    )


def _alphabetical(term: Sequence[str]) -> str:
    """Key that sorts "época" before "especialista", as if it had no accent."""
    return normalize("NFD", term[0]).encode("ascii", "ignore").decode().lower()


def _glossary(title: str, terms: Iterable[Iterable[str]], lang: str) -> list[str]:
    rows = [rf"\brnbterm{{{escape(name)}}}{{{escape(text)}}}" for name, text in terms]
    heading = rf"\chapter*{{{escape(label(title, lang))}}}"
    return [heading, r"\begin{brnbglossary}", *rows, r"\end{brnbglossary}"]
