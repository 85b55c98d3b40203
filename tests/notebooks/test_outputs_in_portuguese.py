"""Numbers in a sentence of a notebook are written as its language does: no English format."""

import ast
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
