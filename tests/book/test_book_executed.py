"""An executed notebook as the book reads it."""

import pytest
from book_project import notebook

from brnb.book.executed import Code, Prose, read_executed


def read(tmp_path, seconds=1):
    return read_executed("v1", "04_v1_char_rnn", notebook(tmp_path / "v1.ipynb", seconds))


def test_cells_are_prose_and_code_numbered_as_where_numbers_them(tmp_path):
    executed = read(tmp_path)
    assert (executed.chapter, executed.title) == ("4", "04 · v1 & <b>LSTM</b>")
    prose, parameters, injected, code = executed.cells
    assert isinstance(prose, Prose)
    assert isinstance(parameters, Code)
    assert [c.kind for c in (parameters, injected, code)] == ["parameters", "injected", "code"]
    assert [c.number for c in (parameters, code)] == [1, 2]  # papermill's own cell counts for none
    assert code.made == ("tab-v1", "fig-v1-loss")


def test_values_without_words_fold_with_their_code(tmp_path):
    import nbformat
    from nbformat import v4

    path = notebook(tmp_path / "v1.ipynb", 1)
    executed = nbformat.read(path, as_version=4)
    bare = v4.new_output("execute_result", data={"text/plain": "Intrinsic(loss=1.43)"})
    executed.cells += [v4.new_code_cell("result", outputs=[bare])]
    said = v4.new_output("stream", name="stdout", text="v1 done")
    executed.cells += [v4.new_code_cell("receipt = run.close()", outputs=[said])]
    executed.cells += [v4.new_code_cell("print('x')", outputs=[said])]
    nbformat.write(executed, path)
    cells = read_executed("v1", "04_v1", path).cells
    assert [cell.folded for cell in cells[-3:]] == [True, True, False]


def test_an_execution_leaves_no_trace(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert read(tmp_path / "a", 1) == read(tmp_path / "b", 2)


def test_an_unreadable_notebook_is_named(tmp_path):
    path = tmp_path / "04.ipynb"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"04\.ipynb is not a readable notebook"):
        read_executed("v1", "04_v1", path)
