"""The book as a reader meets it, in a headless Chromium that opens it from disk."""

from importlib import resources

import pytest
from chromium import Chromium, installed

pytestmark = pytest.mark.skipif(
    installed() is None, reason="no Chromium on this machine: apt-get install chromium"
)
# Ratio of luminances (WCAG 2.2, 1.4.3) of every visible text to what lies behind it.
CONTRAST = """
(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor);
      if (a > 0.5) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("main *, .bd-header-announcement *, nav *")) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    const isSeen = element.checkVisibility({visibilityProperty: true});
    if (!text.length || !isSeen || element.closest("svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${element.className} ${text[0].data.trim()}`);
  }
  return low;
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Chromium(installed(), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser, site):
    """Opens a page of the book at a desktop's width; the test ends without a word of complaint."""
    browser.said.clear()
    browser.asked.clear()
    browser.size(1280, 900)
    browser.scheme("light")
    yield lambda name: browser.open(f"{site.as_uri()}/{name}")
    assert browser.said == []
    assert [url for url in browser.asked if not url.startswith(("file:", "data:", "about:"))] == []


def test_every_page_opens_without_a_word_or_a_network(page, browser, site):
    for path in sorted(site.glob("*.html")):
        page(path.name)
        assert "hacked" not in browser.run("document.title")
        assert browser.run("document.querySelector('.bd-header-announcement').offsetHeight") > 0


def test_a_script_that_got_into_an_article_is_refused(browser, site):
    planted = (site / "v1.html").read_text("utf-8")
    payload = (
        "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
    )
    (site / "planted.html").write_text(planted.replace("</article>", f"{payload}</article>"))
    browser.open(f"{site.as_uri()}/planted.html")
    (site / "planted.html").unlink()
    assert browser.run("document.title").startswith("04")
    assert any("Content Security Policy" in text for text in browser.said)


def test_the_search_finds_a_word_of_an_output(page, browser):
    page("search.html?q=xilofone")
    browser.wait("document.querySelectorAll('#search-results li a').length >= 2")
    links = browser.run("[...document.querySelectorAll('#search-results li a')].map((a) => a.href)")
    assert {link.rpartition("/")[2].partition("?")[0] for link in links} >= {"v1.html", "v2.html"}


def test_previous_and_next_lead_through_the_book(page, browser):
    page("v1.html")
    next_page = browser.run("document.querySelector('a.right-next').href")
    assert next_page.endswith("/v2.html")
    page("v2.html")
    assert browser.run("document.querySelector('a.left-prev').href").endswith("/v1.html")


def test_rows_are_filtered(page, browser):
    page("exhibits.html")
    browser.run(
        "{const field = document.querySelector('#all-numbers input');"
        "field.value = 'v2.val'; field.dispatchEvent(new Event('input', {bubbles: true}));}"
    )
    shown = "[...document.querySelectorAll('#all-numbers tbody tr')].filter((r) => !r.hidden)"
    assert browser.run(f"{shown}.map((row) => row.cells[0].textContent)") == ["v2.val_ppl"]


def test_two_runs_are_compared(page, browser):
    page("runs.html")
    rows = "[...document.querySelectorAll('#comparison tbody tr')].map((row) => row.innerText)"
    assert browser.run(rows) == ["Parâmetros: width\t8\t16"]
    browser.run("document.querySelector('#comparison input').click()")
    assert "Medidas: loss\t1,5\t1,5" in browser.run(rows)


def test_formulas_are_typeset(page, browser):
    page("v1.html")
    high = "document.querySelector('mfrac').getBoundingClientRect().height"
    assert browser.run(high) > 1.5 * browser.run(
        "document.querySelector('mfrac mi').getBoundingClientRect().height"
    )


def test_on_a_phone_nothing_is_wider_than_the_screen_but_tables_scroll(page, browser, site):
    for path in sorted(site.glob("*.html")):
        page(path.name)
        browser.size(390, 844)
        assert browser.run("document.documentElement.scrollWidth") <= 390, path.name
    page("runs.html")
    box, caption = "#runs-table .scroll", "#runs-table figcaption"
    assert browser.run(f"document.querySelector('{box}').scrollWidth") > 390
    assert browser.run(f"document.querySelector('{caption}').getBoundingClientRect().right") <= 390
    browser.run(f"document.querySelector('{box}').scrollLeft = 200")
    cell = f"document.querySelector('{box} tbody td').getBoundingClientRect().left"
    assert browser.run(cell) >= 0  # the first column stays


def test_the_keyboard_reaches_content_code_and_tables(page, browser):
    page("v1.html")
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.getAttribute('href')") == "#main-content"
    browser.run("document.querySelector('#cell-2 summary').focus()")
    browser.press("Enter", 13)
    browser.run("document.querySelector('#cell-2 summary').click()")
    assert browser.run("document.querySelector('#cell-2').open")
    assert browser.run("document.querySelector('#tab-v1 .scroll').tabIndex") == 0


def test_a_link_to_folded_code_opens_it(page, browser):
    page("v1.html#cell-2")
    assert browser.wait("document.querySelector('#cell-2').open")
    browser.run("document.querySelector('p.facts button').click()")
    assert browser.run("document.querySelectorAll('details.code:not([open])').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_code_stand_out_from_what_is_behind_them(page, browser, scheme):
    browser.scheme(scheme)
    for name in ("v1.html", "runs.html", "index.html"):
        page(name)
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert browser.run("document.documentElement.dataset.theme") == scheme
        assert browser.run(CONTRAST) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_shuts_a_reader_out(page, browser, scheme):
    browser.scheme(scheme)
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    for name in ("v1.html", "runs.html", "index.html"):
        page(name)
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        browser.run(f"{axe}; 0")
        options = "{resultTypes: ['violations'], preload: false}"  # else it fetches style sheets
        browser.run(f"axe.run({options}).then((r) => {{ window.tried = r; }}); 0")
        assert browser.wait("window.tried && window.tried.passes.length") > 10, name
        violated = "window.tried.violations.map((v) => [v.id, v.nodes.map((n) => n.html)])"
        assert browser.run(violated) == [], name
