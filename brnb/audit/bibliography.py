"""Years of the works cited: a year that no cited work has is a number like any other."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"@\w+\s*\{\s*([^,\s]+)\s*,(.*?)(?=^@|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^\s*(author|year|date)\s*=\s*[{\"]?(.*?)[}\"]?\s*,?\s*\}?\s*$", re.MULTILINE)
_CITED = re.compile(r"\\cite\w*\*?(?:\[[^\]]*\])*\{([^{}]*)\}")


@dataclass(frozen=True)
class CitedWork:
    """A work as a ``.bib`` file has it: year, and the authors' surnames."""

    year: str
    surnames: tuple[str, ...]


def read_works(folder: Path) -> dict[str, CitedWork]:
    """Works by key, of all ``.bib`` files beside a manuscript."""
    works: dict[str, CitedWork] = {}
    for path in sorted(folder.glob("*.bib")):
        for key, body in _ENTRY.findall(path.read_text(encoding="utf-8", errors="replace")):
            fields: dict[str, str] = dict(_FIELD.findall(body))
            year = fields.get("year") or fields.get("date", "")
            works[key] = CitedWork(year[:4], _surnames(fields.get("author", "")))
    return works


def _surnames(authors: str) -> tuple[str, ...]:
    people = (person.strip() for person in authors.split(" and "))
    names = (p.partition(",")[0] if "," in p else p.rpartition(" ")[2] for p in people)
    return tuple(name for name in names if name and name != "others")


def is_of_a_cited_work(
    year: str, before: str, sentence: str, works: Mapping[str, CitedWork]
) -> bool:
    """Whether the work that a sentence cites nearest to a year, by key or author, is of it.

    `before` is what the line has before the year, which tells it from another of the sentence.
    """
    cited = list(_mentions(sentence, works))
    near = re.split(r"[.;!?]", before)[-1].lstrip()
    place = sentence.find(near + year) + len(near)
    nearest = min(cited, key=lambda at: _distance(place, at[0]), default=None)
    return nearest is not None and year in nearest[1]


def _mentions(
    sentence: str, works: Mapping[str, CitedWork]
) -> Iterator[tuple[tuple[int, int], set[str]]]:
    """Where a sentence cites works, and the years of these."""
    for match in _CITED.finditer(sentence):
        keys = (key.strip() for key in match[1].split(","))
        yield match.span(), {works[key].year for key in keys if key in works}
    for name in {name for work in works.values() for name in work.surnames}:
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", sentence):
            yield match.span(), {work.year for work in works.values() if name in work.surnames}


def _distance(place: int, span: tuple[int, int]) -> int:
    return max(span[0] - place, place - span[1], 0)
