"""The register of claims, brnb/thesis/claims/*.yaml: read, validated, each with file and line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brnb import data
from brnb.audit.quote import Quote, read_quote
from brnb.thesis import load

FOLDER = data.path("thesis/claims")
CHECK_KINDS = ("value", "holds", "same", "algebra", "shapes", "test", "fact", "open")
_ID = re.compile(r"\d{3}(:[^:\s][^:]*)+")
_HOLE = re.compile(r"‹(\w+)›")
_DECIMAL = re.compile(r"-?\d+\.\d+")
_FIX = {  # of what a claim lacks
    "id": "give it one, as 002:eq:4.1",
    "says": "state it in one Portuguese sentence",
    "says_en": "state it in English too, with the holes of says",
    "quote": "quote where it stands, with ⟦ ⟧ around what is checked",
}


class Both(BaseModel):
    """A text for readers, in both languages."""

    model_config = ConfigDict(extra="forbid")
    pt: str
    en: str


class AlternativeReading(Both):
    """Another way to compute, which may give what is printed."""

    value: str


class Shapes(BaseModel):
    """A matrix expression and what its factors measure."""

    model_config = ConfigDict(extra="forbid")
    sizes: dict[str, list[str]]
    gives: list[str]
    text: str | None = None


class Test(BaseModel):
    """A function of `brnb.audit.properties` that tells whether a statement holds."""

    model_config = ConfigDict(extra="forbid")
    function: str
    arguments: dict[str, Any] = {}


class Claim(BaseModel):
    """One statement of a document, and how it is checked.

    Attributes
    ----------
    id
        Document, place and part: ``002:tab:3:v5_main:custo``.
    says, says_en
        The statement in one sentence, in Portuguese and in English.
    quote
        Where it stands: words with slots (`brnb.audit.quote`).
    value
        Expression that should give the printed number.
    holds
        Comparison that should be true.
    same
        True: all slots print the same.
    algebra
        ``left == right`` over formula slots, identical for all values.
    shapes, test
        Sizes of a matrix formula; a property that a function tests.
    fact
        What an outside `source` says: a number or a word.
    open
        Why nothing can be checked, in both languages.
    unit
        Of a bare `value` or `fact`.
    given
        Inputs that the quotation does not hold: numbers, or text to be read as printed.
    rounded
        Inputs that are rounded in print, so that the result is an interval.
    where
        Substitutions before `algebra` is compared.
    about
        Relative tolerance, where the document itself says "about".
    readings
        Other ways to compute that may give the printed number.
    consequence, changes
        What an error does, for the author; ids of the claims that rest on it.
    if_not
        The verdict of a failed check, where it is not the usual one of its kind.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    id: str
    says: str = Field(min_length=1)
    says_en: str = Field(min_length=1)
    quote: list[str]
    value: str | None = None
    holds: str | None = None
    same: Literal[True] | None = None
    algebra: str | None = None
    shapes: Shapes | None = None
    test: Test | None = None
    fact: float | int | str | list[str] | None = None
    open: Both | None = None
    source: str | None = None
    unit: str = ""
    given: dict[str, float | int | str] = {}
    rounded: list[str] | Literal["all"] = []
    where: dict[str, str] = {}
    about: float = Field(default=0.0, ge=0, le=0.5)
    readings: list[AlternativeReading] = []
    consequence: Both | None = None
    changes: list[str] = []
    if_not: Literal["wrong", "inconsistent", "false fact"] | None = None
    file: str = ""
    line: int = 0

    @model_validator(mode="after")
    def _is_checkable(self) -> "Claim":
        given = [kind for kind in CHECK_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one check of {', '.join(CHECK_KINDS)}; here: {given or 'none'}"
            )
        if self.fact is not None and not self.source:
            raise ValueError("a fact needs its source")
        if isinstance(self.fact, str) and re.fullmatch(r"[\d.]+e\d+", self.fact):
            raise ValueError(
                f"YAML reads {self.fact} as text: write {self.fact.replace('e', 'e+')}"
            )
        if not _ID.fullmatch(self.id):
            raise ValueError(f"id {self.id!r}: write document:place:part, as in 002:eq:4.1")
        if self.kind != "open" and not any(quote.slots for _, quote in self.passages):
            raise ValueError("mark with ⟦ ⟧ in the quote what is checked")
        return self

    @property
    def kind(self) -> str:
        """How it is checked: one of `CHECK_KINDS`."""
        return next(kind for kind in CHECK_KINDS if getattr(self, kind) is not None)

    def statement(self, lang: str) -> str:
        """The sentence in a language."""
        return self.says if lang == "pt" else self.says_en

    @property
    def document(self) -> str:
        """The document's number, as in its file name."""
        return self.id.split(":")[0]

    @property
    def passages(self) -> list[tuple[str, Quote]]:
        """The quotations with their document: the claim's own, unless one begins ``003| ``."""
        split = [re.fullmatch(r"(?:(\d{3})\| )?(.*)", marked, re.DOTALL) for marked in self.quote]
        return [(m[1] or self.document, read_quote(m[2])) for m in split if m]


@dataclass(frozen=True)
class Problem:
    """What is wrong in the register, where, and how to mend it."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class ClaimRegister:
    """Claims by id, in the order of the files, and what could not be read."""

    claims: dict[str, Claim]
    problems: list[Problem] = field(default_factory=list)


def read_register(folder: Path = FOLDER) -> ClaimRegister:
    """Read every claim of a folder of YAML files; problems are collected, none stops it."""
    claims: dict[str, Claim] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("[0-9]*.yaml")):
        for item in _items(path, problems):
            line = item.pop("__line__", 0)
            try:
                claim = Claim(**item, file=path.name, line=line)
            except ValidationError as error:
                problems += [Problem(path.name, line, _explain(e, item)) for e in error.errors()]
                continue
            if claim.id in claims:
                first = claims[claim.id]
                where = f"{first.file}:{first.line}"
                text = f"id {claim.id!r} is already that of {where}: give one of them another"
                problems.append(Problem(path.name, line, text))
                continue
            claims[claim.id] = claim
    problems = list(dict.fromkeys(problems))  # a fault of all rows of `each` is said once
    unknown = [(c, i) for c in claims.values() for i in c.changes if i not in claims]
    for claim, id in unknown:
        text = f"{claim.id}: changes names {id!r}, which no claim has"
        problems.append(Problem(claim.file, claim.line, text))
    return ClaimRegister(claims, problems)


def _items(path: Path, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    try:
        items = yaml.load(path.read_text(encoding="utf-8"), _Loader) or []
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            line = path.read_bytes()[: error.start].count(b"\n") + 1
            fix = f"iconv -f latin1 -t utf-8 {path.name} -o new.yaml"
            problems.append(Problem(path.name, line, f"not UTF-8: convert it with {fix}"))
            return
        mark = getattr(error, "problem_mark", None)
        text = getattr(error, "problem", None) or error
        problems.append(Problem(path.name, mark.line + 1 if mark else 0, f"not YAML: {text}"))
        return
    for item in items if isinstance(items, list) else [items]:
        try:
            yield from _expanded(item)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            line = item.get("__line__", 0) if isinstance(item, dict) else 0
            problems.append(Problem(path.name, line, f"not a claim: {error!r}"))


def _expanded(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One claim, or one for each row of `each`: a list of mappings, or ``published.tab03.rows``.

    `english` has the English of words that fill the holes of `says_en`.
    """
    item = dict(item)
    rows, english = item.pop("each", [{}]), item.pop("english", {})
    if isinstance(rows, str):
        rows = load("published", *rows.split(".")[1:])
    says, says_en = item.pop("says", None), item.pop("says_en", None)
    if says and says_en and set(_HOLE.findall(says)) != set(_HOLE.findall(says_en)):
        raise ValueError(f"says_en {says_en!r} needs the holes of says, {says!r}")
    for row in rows:
        values = {k: v for k, v in row.items() if k != "__line__"}
        filled = _fill(item, values)
        if isinstance(filled.get("quote"), str):
            filled["quote"] = [filled["quote"]]
        if says:
            filled["says"] = _fill(says, {k: _with_comma(v) for k, v in values.items()})
        if says_en:
            filled["says_en"] = _fill(
                says_en, {k: english.get(str(v), v) for k, v in values.items()}
            )
        yield filled


def _with_comma(value: Any) -> Any:
    """A decimal number as Portuguese writes it; anything else as it is."""
    return str(value).replace(".", ",") if _DECIMAL.fullmatch(str(value)) else value


def _fill(value: Any, row: dict[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _HOLE.fullmatch(value)
        if whole and whole[1] in row:
            return row[whole[1]]
        return _HOLE.sub(lambda m: str(row.get(m[1], m[0])), value)
    if isinstance(value, list):
        return [_fill(part, row) for part in value]
    if isinstance(value, dict):
        return {_fill(key, row): _fill(part, row) for key, part in value.items()}
    return value


def _explain(error: Any, item: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    text = error["msg"].removeprefix("Value error, ")
    if error["type"] in ("missing", "string_too_short") and where in _FIX:
        text = f"missing: {_FIX[where]}"
    return f"{item.get('id', 'a claim without id')}: {where + ': ' if where else ''}{text}"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with the line of every top-level mapping; in C where libyaml is there."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping = loader.construct_mapping(node, deep=True)
    if node.start_mark.column == 2:
        mapping["__line__"] = node.start_mark.line + 1
    return mapping


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
