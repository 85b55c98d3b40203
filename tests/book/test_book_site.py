"""The site: whole, numbered, stable, and fetching nothing."""

import html
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest
from book_project import project

from brnb.book.build import build_book
from brnb.book.extension import mathml
from brnb.book.site import with_policy
from brnb.book.words import banner


class Tags(HTMLParser):
    """Start tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def pages(site):
    return {path.name: path.read_text("utf-8") for path in sorted(site.glob("*.html"))}


def test_the_pages(pages):
    own = {"index.html", "results.html", "runs.html", "errata.html", "exhibits.html"}
    assert pages.keys() == own | {"v1.html", "v2.html", "search.html"}
    assert all('<html lang="pt-BR"' in page for page in pages.values())


def test_every_page_says_that_smoke_shows_no_results(pages):
    for page in pages.values():
        assert banner("smoke", "pt") in page
    assert banner("paper", "pt") is None


def test_nothing_is_fetched_from_elsewhere(site, pages):
    for name, page in pages.items():
        for tag, attributes in Tags(page).tags:
            assert not [key for key in attributes if key.startswith("on")], (name, tag)
            fetched = [attributes.get("src", ""), attributes.get("srcset", "")]
            fetched += [attributes.get("href", "")] if tag == "link" else []
            assert not [url for url in fetched if re.match(r"(https?:)?//", url)], (name, tag)
    for style in site.rglob("*.css"):
        urls = re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^)\"']+)", style.read_text())
        assert urls == [], style.name


def test_every_link_within_the_book_arrives(site, pages):
    anchors = {
        name: {attributes.get("id") for _, attributes in Tags(page).tags}
        for name, page in pages.items()
    }
    for name, page in pages.items():
        for tag, attributes in Tags(page).tags:
            href = attributes.get("href", "")
            if tag != "a" or re.match(r"[a-z]+:", href):
                continue
            file, fragment = urldefrag(unquote(href))
            assert not file or (site / file).is_file(), (name, href)
            if fragment and (file or name) in anchors:
                assert fragment in anchors[file or name], (name, href)


def test_tables_and_figures_have_number_caption_words_and_origin(pages):
    page = pages["v1.html"]
    assert '<figure class="exhibit table-exhibit" id="tab-v1">' in page
    assert '<span class="name">Tabela 4.1.</span> Uma &lt;tabela&gt;</figcaption>' in page
    assert "<caption>" not in page  # it stands above the box that scrolls
    assert '<img src="files/figures/fig-v1-loss.png" alt="Curva de perda da v1."' in page
    assert '<span class="name">Figura 4.1.</span> Curva de perda da v1.' in page
    for link in (
        "#cell-2",
        "files/tables/tab-v1.csv",
        "files/figures/fig-v1-loss.csv",
        "files/receipts/v1.json",
        "runs.html#run-v1",
    ):
        assert f'href="{link}"' in page
    assert "commit 0123456*" in page
    assert '<span class="name">Tabela 4.2.</span>' in pages["v2.html"]  # the same chapter goes on


def test_runs_of_one_notebook_are_told_apart(pages):
    assert "04 · v1 &amp; &lt;b&gt;LSTM&lt;/b&gt; (v2)" in pages["v2.html"]


def test_code_is_folded_and_html_in_prose_is_text(pages):
    page = pages["v1.html"]
    assert page.count('<details class="code"') == 3
    article = page[page.index('<article class="bd-article">') : page.index("</article>")]
    assert "<script" not in article
    assert "&lt;script&gt;" in article
    assert "progress" not in article


def test_formulas_are_typeset_when_the_book_is_built(pages):
    page = pages["v1.html"]
    assert page.count("<math") == 2
    assert "<mfrac>" in page
    assert "<msqrt>" in page
    assert "US$ 1,50" in page


def test_a_formula_holds_no_html():
    assert "<script" not in mathml(r"\text{<script>x</script>}", "inline")
    assert mathml(r"\href{javascript:x}{y}", "inline").startswith("<code>")
    assert mathml(r"\frac{", "inline") == r"<code>\frac{</code>"
    assert "<mi>a</mi><mo>&#x0003C;</mo><mi>b</mi>" in mathml("a<b", "inline")


def test_the_browser_is_told_to_run_only_the_books_own_scripts(pages):
    for page in pages.values():
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
        assert "default-src 'none'" in html.unescape(policy[1])
        assert "unsafe-eval" not in policy[1]


def test_a_script_in_the_article_is_not_among_the_allowed():
    page = '<head></head><script>own</script><article class="bd-article">{}</article>'
    clean, planted = page.format(""), page.format("<script>planted</script>")
    of = [
        re.findall(r"sha256-[^&]*", with_policy(text).partition(">")[2])
        for text in (clean, planted)
    ]
    assert of[0] == of[1]
    assert len(of[0]) == 1


def test_runs_and_numbers_are_listed(pages):
    assert "GPU X" in pages["runs.html"]
    assert '<td class="number">2,00</td>' in pages["runs.html"]  # 7200 J are 2 Wh
    assert '<td class="number">3,00</td>' in pages["runs.html"]  # of 3e9 bytes
    assert '<td class="number">4,58</td>' in pages["exhibits.html"]
    assert "<code>v1.val_ppl</code>" in pages["exhibits.html"]


def test_the_index_searches_what_outputs_say(site):
    index = (site / "searchindex.js").read_text("utf-8")
    assert '"xilofon":[5,6]' in index  # Snowball's stem of "xilofone", on the pages of v1 and v2


def test_the_same_runs_give_the_same_bytes_and_a_book_that_is_there_stays(tmp_path, site):
    pipeline = project(tmp_path / "project", seconds=2)
    again = build_book(pipeline).parent
    files = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    assert files == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    for path in files:
        assert (site / path).read_bytes() == (again / path).read_bytes(), path
    before = (again / "index.html").stat().st_ino
    build_book(pipeline)
    assert (again / "index.html").stat().st_ino == before
    (pipeline.reports / "tables" / "tab-v1.csv").write_text("A\n1\n")
    build_book(pipeline)
    assert (again / "files/tables/tab-v1.csv").read_text() == "A\n1\n"


def test_in_english(tmp_path):
    site = build_book(project(tmp_path / "project", lang="en", runs=("v1",))).parent
    page = (site / "v1.html").read_text("utf-8")
    assert '<html lang="en"' in page
    assert "Table 4.1." in page
    assert banner("smoke", "en") in page


def test_a_profile_without_runs_names_the_command(tmp_path):
    pipeline = project(tmp_path / "project")
    for path in (pipeline.reports / "notebooks").glob("*.ipynb"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="PROFILE=smoke make thesis"):
        build_book(pipeline)
