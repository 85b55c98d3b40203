"""The document is written again when anything that it is made of, or a file of it, changed."""

import json

import pytest
from book_project import project, stand_in_package

from brnb.report.assemble import assemble


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A project of one run, and a package of one label and one template."""
    stand_in_package(tmp_path / "package", monkeypatch, "labels.yaml", "brnb.sty")
    pipeline = project(tmp_path / "project", runs=("v1",))
    assemble(pipeline)
    return pipeline


CHANGES = {
    "label": lambda p: (p.root.parent / "package/labels.yaml").write_text("b"),
    "template": lambda p: (p.root.parent / "package/brnb.sty").write_text("b"),
    "new table": lambda p: (p.reports / "tables/tab-x.tex").write_text(""),
    "notebook": lambda p: p.notebook("v1").open("a").write("\n"),
    "language": lambda p: p.params_file("v1").open("a").write("lang: en\n"),
    "deleted document": lambda p: (p.reports / "document.tex").unlink(),
    "deleted style": lambda p: (p.reports / "brnbthesis.sty").unlink(),
    "damaged references": lambda p: (p.reports / "references.bib").write_text(""),
}


def test_unchanged_it_stays_and_says_so(pipeline, capsys):
    before = (pipeline.reports / "document.tex").stat().st_ino
    assembly = assemble(pipeline)
    assert (pipeline.reports / "document.tex").stat().st_ino == before
    assert "nothing that it is made of changed" in capsys.readouterr().out
    assert (assembly.tables, assembly.figures, assembly.numbers) == (1, 1, 2)


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_writes_it_again(pipeline, change, capsys):
    CHANGES[change](pipeline)
    assemble(pipeline)
    assert capsys.readouterr().out == ""
    assert "tab-v1" in (pipeline.reports / "document.tex").read_text("utf-8")
    assert (pipeline.reports / "brnbthesis.sty").is_file()


@pytest.mark.parametrize(("seal", "count"), [(None, 1), ("", 1), ("of its content", 0)])
def test_receipts_without_a_seal_are_counted(pipeline, seal, count):
    receipt = pipeline.folder("v1") / "receipt.json"
    receipt.write_text(json.dumps(json.loads(receipt.read_text("utf-8")) | {"seal": seal}))
    assembly = assemble(pipeline)
    assert assembly.unsealed == count
    assert ("brnb status --profile smoke" in str(assembly)) == bool(count)
