"""The book: offline, deterministic, and safe with whatever a model wrote."""

import html
import re
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from nbformat import v4

from brnb.report import book
from brnb.report.book import build_book
from brnb.report.tables import display

SCRIPT = "<script>alert('sample')</script><img src=x onerror=alert(1)>"


def notebook(path, seconds):
    """An executed chapter, its run-dependent metadata set by `seconds`."""
    table = display(pd.DataFrame({"A": [1.5]}), "t", lang="pt", caption="Uma <tabela>")
    cells = [
        v4.new_markdown_cell(f"# Capítulo 4: v1 & <b>LSTM</b>\n\n$-\\log p$, a < b.\n{SCRIPT}"),
        v4.new_code_cell(
            "print('ação')", id=f"random-{seconds}", execution_count=3,
            metadata={"execution": {"iopub.execute_input": f"2026-01-01T00:00:0{seconds}"}},
            outputs=[
                v4.new_output("stream", name="stdout", text=SCRIPT),
                v4.new_output("stream", name="stderr", text=f"progress {seconds} s"),
                v4.new_output("display_data", data={"text/html": table._repr_html_()}),
                v4.new_output("display_data", data={"text/html": SCRIPT}),
                v4.new_output("display_data", data={"application/javascript": "alert(2)"}),
                v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="}),
            ],
        ),
    ]  # fmt: skip
    meta = {
        "papermill": {"duration": seconds},
        "kernelspec": {"name": "k", "display_name": f"k{seconds}"},
    }
    nbformat.write(v4.new_notebook(cells=cells, metadata=meta), path)
    return path


def build(folder, seconds=1):
    folder.mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / "figures" / "fig-v1-loss.png").touch()
    (folder / "tables").mkdir()
    (folder / "tables" / "tab02.tex").touch()
    receipts = {
        "v1": {
            "state": "done", "seconds": 83.44,
            "numbers": {"v1.val_ppl": {"value": 4.5789, "decimals": 2},
                        "v1.text": {"value": SCRIPT, "decimals": None}},
        }
    }  # fmt: skip
    notebooks = [("v1", notebook(folder / "v1.ipynb", seconds))]
    return build_book(notebooks, folder, "pt", receipts)


class Page(HTMLParser):
    """Collects start tags and checks that every link is local."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_pages_index_and_style(tmp_path):
    index = build(tmp_path / "smoke")
    assert index == tmp_path / "smoke" / "book" / "index.html"
    assert {p.name for p in index.parent.iterdir()} == {"index.html", "v1.html", "book.css"}
    text = index.read_text(encoding="utf-8")
    for expected in ("concluído", "83,4", "4,58", "v1.val_ppl", "tab02", "fig-v1-loss"):
        assert expected in text
    assert "Capítulo 4: v1 &amp; &lt;b&gt;LSTM&lt;/b&gt;" in text


def test_nothing_runs_and_nothing_is_fetched(tmp_path):
    book = build(tmp_path / "smoke").parent
    for path in book.glob("*.html"):
        for tag, attributes in Page(path.read_text(encoding="utf-8")).tags:
            assert tag not in ("script", "iframe", "object", "form"), path.name
            assert not [name for name in attributes if name.startswith("on")], (path.name, tag)
            for name in ("src", "href"):
                assert not re.match(r"(https?:)?//|javascript:", attributes.get(name, ""))
    assert "url(" not in (book / "book.css").read_text(encoding="utf-8")
    assert "@import" not in (book / "book.css").read_text(encoding="utf-8")


def test_chapter_shows_prose_outputs_and_our_tables(tmp_path):
    page = (build(tmp_path / "smoke").parent / "v1.html").read_text(encoding="utf-8")
    assert '<html lang="pt-BR">' in page
    assert "&lt;script&gt;alert" in page
    assert "<caption>Uma &lt;tabela&gt;</caption>" in page
    assert '<td style="text-align: right;">1,5</td>' in page
    assert "data:image/png;base64" in page
    assert r"\log p" in page
    assert "progress" not in page


def test_times_and_ids_of_an_execution_leave_no_trace(tmp_path):
    first = build(tmp_path / "a", seconds=1).parent
    second = build(tmp_path / "b", seconds=2).parent
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_a_page_of_a_removed_chapter_goes(tmp_path):
    index = build(tmp_path / "smoke")
    assert build_book([], tmp_path / "smoke", "en") == index
    assert not (index.parent / "v1.html").exists()
    assert 'lang="en"' in index.read_text(encoding="utf-8")


def test_an_unreadable_notebook_is_named(tmp_path):
    path = tmp_path / "04.ipynb"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"04\.ipynb is not a readable notebook"):
        build_book([("v1", path)], tmp_path, "pt")


def test_only_a_new_notebook_is_converted_again(tmp_path, monkeypatch):
    executed, cache = notebook(tmp_path / "v1.ipynb", 1), tmp_path / "cache"
    page = build_book([("v1", executed)], tmp_path, "pt", cache=cache).with_name("v1.html")
    first = page.read_bytes()
    converted = []
    convert = book._page
    monkeypatch.setattr(book, "_page", lambda path: converted.append(path) or convert(path))
    build_book([("v1", executed)], tmp_path, "pt", cache=cache)
    assert (converted, page.read_bytes()) == ([], first)
    (cache / "v1.json").write_text('["cut sh')
    build_book([("v1", executed)], tmp_path, "pt", cache=cache)
    assert (converted, page.read_bytes()) == ([executed], first)
    executed.write_text(executed.read_text("utf-8").replace("Capítulo 4", "Capítulo 5"), "utf-8")
    build_book([("v1", executed)], tmp_path, "pt", cache=cache)
    assert converted == [executed, executed]
    assert "Capítulo 5" in page.read_text("utf-8")


def test_a_failed_chapter_shows_no_traceback(tmp_path):
    path = notebook(tmp_path / "v1.ipynb", 1)
    executed = nbformat.read(path, as_version=4)
    error = {"ename": "OSError", "evalue": "/home/alice/x", "traceback": ["/home/alice/brnb/x.py"]}
    executed.cells[1].outputs.append(v4.new_output("error", **error))
    nbformat.write(executed, path)
    page = build_book([("v1", path)], tmp_path, "pt").with_name("v1.html").read_text("utf-8")
    assert "alice" not in page
    assert "ação" in page


@pytest.mark.parametrize(
    ("href", "is_kept"),
    [
        ("https://x.org/a", True), ("HTTP://x.org", True), ("mailto:a@b.org", True),
        ("#tab02", True), ("v1.html#a:b", True), ("../tables/tab02.csv", True),
        ("DATA:text/html,x", False), (" data:text/html,x", False), ("da\nta:text/html,x", False),
        ("JavaScript:alert(1)", False), ("\x01javascript:alert(1)", False), ("vbscript:x", False),
        ("file:///etc/passwd", False),
    ],
)  # fmt: skip
def test_links_lead_to_pages_and_to_nothing_that_runs(href, is_kept):
    link = f'<a href="{html.escape(href)}">x</a>'
    assert ("href" in book._sanitize(link)) == is_kept
