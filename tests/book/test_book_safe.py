"""Outputs that models wrote: shown, never executed."""

import html

import pytest
from book_project import PAYLOAD
from nbformat import v4

from brnb.book.safe import output_html, sanitize


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
    assert ("href" in sanitize(link)) == is_kept


def test_what_is_no_page_s_business_is_printed():
    shown = sanitize(f"<p onclick='x' id='main'>a</p>{PAYLOAD}<iframe src='//x'></iframe>")
    assert "<p>a</p>" in shown
    assert "&lt;script&gt;" in shown
    assert "onerror" not in shown
    assert "<iframe" not in shown
    assert "<img" not in shown  # nothing is left of it


def test_an_image_without_words_is_one_that_says_nothing():
    assert sanitize('<img src="data:image/png;base64,aa">') == (
        '<img src="data:image/png;base64,aa" alt="">'
    )
    assert 'alt="a curve"' in sanitize('<img src="data:image/png;base64,aa" alt="a curve">')


@pytest.mark.parametrize("kind", ["text/html", "text/markdown", "text/latex", "text/plain"])
def test_an_output_of_any_kind_runs_nothing(kind):
    shown = output_html(v4.new_output("display_data", data={kind: PAYLOAD}))
    assert shown
    assert "<script" not in shown
    assert "<img src=" not in shown


def test_streams_are_text_and_progress_is_left_out():
    assert output_html(v4.new_output("stream", name="stdout", text="a < b\n")) == (
        '<pre class="output">a &lt; b</pre>'
    )
    assert output_html(v4.new_output("stream", name="stderr", text="10%")) == ""
    assert output_html(v4.new_output("display_data", data={"application/javascript": "x"})) == ""


def test_a_traceback_stays_out():
    error = v4.new_output("error", ename="OSError", evalue="/home/alice/x", traceback=["x.py"])
    assert output_html(error) == ""


def test_an_image_is_its_own_bytes():
    image = v4.new_output("display_data", data={"image/png": 'iVBO" onerror="x'})
    assert output_html(image) == '<img src="data:image/png;base64,iVBOonerror=x" alt="">'
