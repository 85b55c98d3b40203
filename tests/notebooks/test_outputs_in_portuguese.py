"""Numbers in a sentence of a notebook are written as its language does: no English format."""

import ast
import re
from operator import attrgetter

import pytest
from thesis_copy import ROOT

from brnb.fingerprint import notebook_cells

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def english_formats(source: str) -> list[str]:
    """Fields of f-strings that print a point or a comma as English does, `fmt`'s own aside."""
    tree = ast.parse(source)
    numbers = {id(part) for call in ast.walk(tree) if isinstance(call, ast.Call)
               and ast.unparse(call.func) == "float" for part in ast.walk(call)}  # fmt: skip
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec and id(node) not in numbers
        and any(sign in ast.unparse(node.format_spec) for sign in ",.%")
    ]  # fmt: skip


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=attrgetter("stem"))
def test_numbers_are_written_in_the_language_of_the_run(notebook):
    cells = [source for source, _ in notebook_cells(notebook)]
    assert [field for source in cells for field in english_formats(source)] == []


def test_an_english_format_is_seen():
    assert english_formats('print(f"{n:,} tokens, {share:.1%}")') != []
    assert english_formats('print(f"{fmt(n, lang)} tokens, {name:<8}")') == []


# Chapters whose every sentence is a tested function, in both languages.
NARRATED = [path for path in NOTEBOOKS if re.match(r"01|0[4-8]|14|1[6-9]|2", path.stem)]


def sentences_in_cells(source: str) -> list[str]:
    """Texts of several words that stand inside a `print`."""
    return [
        part.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "print"
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and " " in str(part.value).strip()
    ]


@pytest.mark.parametrize("notebook", NARRATED, ids=attrgetter("stem"))
def test_a_cell_prints_no_sentence_of_its_own(notebook):
    cells = [source for source, _ in notebook_cells(notebook)]
    assert [text for source in cells for text in sentences_in_cells(source)] == []


def test_a_sentence_in_a_cell_is_seen():
    assert sentences_in_cells('print(f"Com {n} tokens e {say(x)}.")') == [" tokens e "]
    assert sentences_in_cells("print(words.say_text(rows, lang), sep='; ')") == []
