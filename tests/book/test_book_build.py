"""A book is built again when anything that it is made of, or anything of it, is not as it was."""

import pytest
from book_project import project, stand_in_package

from brnb.book import build
from brnb.receipt import read_receipt, write_receipt


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A project of one run, and a package of one label and one template."""
    stand_in_package(tmp_path / "package", monkeypatch, "labels.yaml", "book.css")
    return project(tmp_path / "project", runs=("v1",))


@pytest.fixture
def is_built(pipeline, monkeypatch):
    """``is_built()`` asks for the book, and tells whether Sphinx was called."""
    calls = []

    def build_site(pages, site, lang, warning, files):
        calls.append(site)
        for name in ("index.html", "v1.html"):
            site.mkdir(exist_ok=True)
            (site / name).write_text(name)
        return []

    monkeypatch.setattr(build, "build_site", build_site)

    def ask():
        calls.clear()
        build.build_book(pipeline)
        return bool(calls)

    return ask


def seconds(pipeline):
    path = pipeline.folder("v1") / "receipt.json"
    write_receipt(path, read_receipt(path).model_copy(update={"seconds": 7.0}))


CHANGES = {
    "label": lambda p: (p.root.parent / "package/labels.yaml").write_text("b"),
    "template": lambda p: (p.root.parent / "package/book.css").write_text("b"),
    "receipt": seconds,
    "table": lambda p: (p.reports / "tables/tab-v1.csv").write_text("A\n1\n"),
    "figure": lambda p: (p.reports / "figures/fig-v1-loss.pdf").unlink(),
    "executed notebook": lambda p: (p.reports / "notebooks/v1.ipynb").open("a").write("\n"),
    "parameters": lambda p: p.params_file("v1").open("a").write("# why\n"),
    "deleted page": lambda p: (p.reports / "book/v1.html").unlink(),
    "damaged page": lambda p: (p.reports / "book/v1.html").write_text("v2.html"),
    "foreign file": lambda p: (p.reports / "book/v2.html").write_text(""),
}


def test_unchanged_it_stays_and_says_so(is_built, capsys):
    assert is_built()
    assert capsys.readouterr().out == ""
    assert not is_built()
    assert "nothing that it is made of changed" in capsys.readouterr().out


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_builds_it_again(pipeline, is_built, change):
    is_built()
    CHANGES[change](pipeline)
    assert is_built()
    if change != "foreign file":  # which Sphinx would have swept away
        assert not is_built()


def test_a_book_that_could_not_be_finished_is_not_taken_for_one(pipeline, is_built, monkeypatch):
    is_built()
    CHANGES["label"](pipeline)
    with monkeypatch.context() as broken:
        broken.setattr(build, "build_site", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build.build_book(pipeline)
    assert is_built()
