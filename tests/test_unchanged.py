"""Work is skipped only if all that it was made of, and all that it left, has the same bytes."""

import sys

import pytest

from brnb import unchanged
from brnb.unchanged import hash_sources, is_done, note_done


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder that stands for `brnb`."""
    folder = tmp_path / "package"
    (folder / "report/__pycache__").mkdir(parents=True)
    (folder / "report/labels.yaml").write_text("loss: {pt: perda}")
    monkeypatch.setattr(unchanged, "PACKAGE", folder)
    return folder


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "receipt.json"
    path.write_text("{}")
    return path


def test_times_and_compiled_files_do_not_count(package, source):
    before = hash_sources([source], {"v1": "done"})
    source.write_text("{}")
    (package / "report/__pycache__/x.pyc").write_text("compiled")
    assert hash_sources([source], {"v1": "done"}) == before


@pytest.mark.parametrize("change", ["label", "template", "receipt", "gone", "value", "installed"])
def test_every_source_counts(package, source, change, tmp_path, monkeypatch):
    before = hash_sources([source], {"v1": "done"})
    state = "stale" if change == "value" else "done"
    if change == "label":
        (package / "report/labels.yaml").write_text("loss: {pt: Perda}")
    elif change == "template":
        (package / "report/brnb.sty").write_text("")
    elif change == "receipt":
        source.write_text("{ }")
    elif change == "gone":
        source.unlink()
    elif change == "installed":
        (tmp_path / "sphinx-9.1.dist-info").mkdir()
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert hash_sources([source], {"v1": state}) != before


def test_what_was_left_must_be_there_as_it_was(tmp_path):
    note, left = tmp_path / "work/note", tmp_path / "left"
    assert not is_done(note, "sources", [left])
    left.write_text("a")
    note_done(note, "sources", [left])
    assert is_done(note, "sources", [left])
    assert not is_done(note, "others", [left])
    assert not is_done(note, "sources", [left, note])
    left.write_text("b")
    assert not is_done(note, "sources", [left])
    left.unlink()
    assert not is_done(note, "sources", [left])
    note.write_bytes(b"\xff")
    assert not is_done(note, "sources", [])


def test_where_no_note_can_be_left_the_work_is_done_again(tmp_path):
    (tmp_path / "file").write_text("")
    note = tmp_path / "file/note"
    note_done(note, "sources", [])
    assert not is_done(note, "sources", [])
