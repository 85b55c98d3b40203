"""Portuguese that readers meet is spelled as Brazil's dictionary has it: prose and labels."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from thesis_copy import ROOT

TERMS = Path(__file__).with_name("spelling_terms.txt")
"""Terms of the field and names that the dictionary lacks, one a line, sorted."""
DOCUMENTS = [ROOT / "README.pt-BR.md", *sorted((ROOT / "docs").glob("*.pt-BR.md"))]
QUOTED_TITLES = {"references.yaml", "002_references.yaml"}
# Code, formulas, addresses, values to fill in; quotations, and what italics mark as foreign.
NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|(?<!\\)\$[^$\n]+\$|https?://\S+|\]\([^)]*\)|\{[^{}]*\}|<[^<>]*>"
    r"|\"[^\"\n]*\"|“[^”]*”|(?<![*\w])\*(?![*\s])[^*\n]+\*|[\w./~-]+[/_][\w./-]+",
    re.DOTALL,
)
WORD = re.compile(r"[A-Za-zÀ-ÿ]+")

needs_hunspell = pytest.mark.skipif(
    shutil.which("hunspell") is None and "CI" not in os.environ,
    reason="no hunspell: apt-get install hunspell hunspell-pt-br",
)


def words(text: str) -> set[str]:
    """Words of a text; symbols, abbreviations and names in mixed case (GPUs, BrWaC) are none."""
    letters = WORD.findall(NOT_PROSE.sub(" ", text))
    return {word for word in letters if len(word) > 2 and word[1:].islower()}


def portuguese(node: Any) -> Iterator[str]:
    """Every text below a key ``pt``."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value) if key == "pt" else portuguese(value)
    elif isinstance(node, list):
        for value in node:
            yield from portuguese(value)


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from texts(value)


def prose() -> Iterator[tuple[str, str]]:
    """Files and their Portuguese: notebooks, everything that is printed, documents."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield path.name, "".join(cell["source"])
    for path in sorted((ROOT / "brnb").rglob("*.yaml")):
        text = path.read_text("utf-8")
        if re.search(r"\bpt: ", text) and path.name not in QUOTED_TITLES:
            loaded = yaml.load(text, yaml.CSafeLoader)
            yield from ((path.name, printed) for printed in portuguese(loaded))
    yield from ((path.name, path.read_text("utf-8")) for path in DOCUMENTS)


def unknown(asked: set[str]) -> set[str]:
    """Words that Brazil's dictionary of hunspell lacks."""
    done = subprocess.run(
        ["hunspell", "-d", "pt_BR", "-i", "utf-8", "-l"],
        input="\n".join(sorted(asked)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}: apt-get install hunspell-pt-br"
    return set(done.stdout.split())


@needs_hunspell
def test_no_word_is_misspelled():
    where: dict[str, set[str]] = {}
    for file, text in prose():
        for word in words(text):
            where.setdefault(word, set()).add(file)
    terms = TERMS.read_text("utf-8").split()
    lacking = unknown(set(where))
    known = {word for word in lacking if {word, word.lower()} & set(terms)}
    assert {word: sorted(where[word])[:3] for word in sorted(lacking - known)} == {}
    assert set(terms) <= known | {word.lower() for word in known}, "terms that no text has"


def test_terms_are_sorted():
    terms = TERMS.read_text("utf-8").splitlines()
    assert terms == sorted(set(terms), key=lambda term: (term.lower(), term))


@needs_hunspell
def test_a_misspelled_word_is_found():
    text = 'A avaliacao do `modell` em *fine-tuning*, segundo "the judge", foi boa: GPUs $x_tt$.'
    assert words(text) == {"avaliacao", "segundo", "foi", "boa"}
    assert unknown({"avaliacao", "avaliação", "perplexidade"}) == {"avaliacao"}
