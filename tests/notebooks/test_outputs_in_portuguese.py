"""What a notebook prints: numbers and sentences in the run's language, tables and figures seen."""

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


def sentences_in_cells(source: str) -> list[str]:
    """Texts of several words that stand inside a `print`."""
    return [
        part.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "print"
        for part in ast.walk(call)
        if isinstance(part, ast.Constant) and " " in str(part.value).strip()
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=attrgetter("stem"))
def test_a_cell_prints_no_sentence_of_its_own(notebook):
    cells = [source for source, _ in notebook_cells(notebook)]
    assert [text for source in cells for text in sentences_in_cells(source)] == []


def test_a_sentence_in_a_cell_is_seen():
    assert sentences_in_cells('print(f"Com {n} tokens e {say(x)}.")') == [" tokens e "]
    assert sentences_in_cells("print(words.say_text(rows, lang), sep='; ')") == []


def unseen_artefacts(source: str) -> list[str]:
    """Tables and figures that a cell makes and does not show: only its last value is shown."""
    tree = ast.parse(source)
    last = tree.body[-1]
    shown = list(ast.walk(last)) if isinstance(last, ast.Expr) else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == ast.unparse(last):
            shown.append(node.value)
    return [
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("run.table", "run.figure")
        and node not in shown
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=attrgetter("stem"))
def test_every_table_and_figure_is_shown_where_it_is_made(notebook):
    cells = [source for source, _ in notebook_cells(notebook)]
    assert [id for source in cells for id in unseen_artefacts(source)] == []


def test_a_table_that_no_cell_shows_is_seen():
    assert unseen_artefacts("run.table('tab-a', frame)\nprint(say(frame))") == ["'tab-a'"]
    assert unseen_artefacts("run.table('tab-a', frame)") == []
    assert unseen_artefacts("for row in rows:\n    table = run.table('a', row)\ntable") == []
