"""The written material of the sample: templates, word lists and parts of names, from YAML."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from brnb import data
from brnb.text.sample.grammar import Template
from brnb.text.sample.phrase import CONTRACTIONS, Phrase, phrase

REGISTERS = (
    "cultura",
    "direito",
    "economia",
    "futebol",
    "geografia",
    "infraestrutura",
    "saude",
    "tecnologia",
)


@dataclass(frozen=True, slots=True)
class Register:
    """One register: its words and its sentences, grouped by paragraph.

    Each document is about an entity of the kind `about`; the picks of `fixed` hold for the whole
    document, all others for a sentence.
    """

    name: str
    about: str
    lists: Mapping[str, list[Phrase]]
    fixed: list[str]
    title: list[Template]
    lead: list[Template]
    paragraphs: list[list[Template]]


@cache
def read_templates(name: str) -> dict[str, Any]:
    """A YAML file of this folder, by name without suffix."""
    content: dict[str, Any] = data.read("text/sample", f"{name}.yaml")
    return content


def templates(block: str) -> list[Template]:
    """Compile a block of templates, one a line."""
    return [Template(line.strip()) for line in block.splitlines()]


def items(text: str) -> list[str]:
    """The entries of a list written on one line."""
    return text.split(", ")


def lists(source: Mapping[str, Any]) -> dict[str, list[Phrase]]:
    """The word lists of a file: ``nouns`` begin with their article, ``words`` stay as they are."""
    nouns = {k: [phrase(x) for x in items(v)] for k, v in source.get("nouns", {}).items()}
    words = {k: [phrase(x, gender=0) for x in items(v)] for k, v in source["words"].items()}
    return nouns | words


@cache
def register(name: str) -> Register:
    """The register of that name, compiled."""
    source = read_templates(name)
    return Register(
        name=name,
        about=source["about"],
        lists=lists(source),
        fixed=items(source["fixed"]) if "fixed" in source else [],
        title=templates(source["title"]),
        lead=templates(source["lead"]),
        paragraphs=[templates(block) for block in source["paragraphs"].values()],
    )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str):
        yield value


def split_words(text: str, lower: bool = True) -> list[str]:
    """The word forms of a text; a hyphenated word is one form."""
    return re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.lower() if lower else text)


@cache
def word_forms() -> frozenset[str]:
    """Every lower-case word form that the sample can write, proper names apart.

    Function words, contractions and the unabridged forms of agreement are in; the invented names
    (`names.yaml`: people, places, clubs, titles) are not.
    """
    files = ["shared", "relations", "noise", "instructions", *REGISTERS]
    forms = {word for entry in CONTRACTIONS.values() for form in entry for word in form.split()}
    forms |= {"nº", "milhão", "milhões", "bilhão", "bilhões"}
    for text in (string for name in files for string in _strings(read_templates(name))):
        forms.update(split_words(re.sub(r"\{[\w.]+[|#:]?(?:\d+:\d+:?)?([^{}]*)\}", r" \1 ", text)))
    for text in _strings(read_templates("names")):
        forms.update(word for word in split_words(text, lower=False) if word[0].islower())
    return frozenset(forms)
