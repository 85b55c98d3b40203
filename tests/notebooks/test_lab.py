"""A chapter in the real JupyterLab, in a real browser: it opens, and Run All runs it."""

import json

import pytest
from lab_browser import CHROMIUM, browser_page, jupyter_lab, outputs, run_all
from thesis_copy import copy_project

pytest.importorskip("playwright", reason="no playwright: pip install playwright")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")


@pytest.fixture
def rarity(tmp_path):
    """Chapter 01 after Run All: the project, and the page."""
    project = copy_project(tmp_path / "project")
    (project / "work").mkdir()
    with jupyter_lab(project) as address, browser_page() as page:
        run_all(page, address.format(notebook="01_rarity"))
        yield project, page


def test_run_all_in_jupyterlab_leaves_a_receipt_and_a_page_to_read(rarity):
    project, page = rarity
    written = outputs(page)
    assert [o for o in written if o["output_type"] == "error"] == []
    assert [o for o in written if o.get("name") == "stderr"] == []  # a red box
    receipt = json.loads((project / "reports/smoke/runs/rarity/receipt.json").read_text())
    assert receipt["state"] == "done"
    assert receipt["unclean"] == []
    first, last = (o["text"] for o in (written[0], written[-1]))
    assert "não resultados" in "".join(first)
    assert "rarity concluída em" in "".join(last)

    page.get_by_role("tab", name="Tabela de conteúdo").click()  # the language pack is in force
    headings = page.locator(".jp-TableOfContents-content").inner_text()
    assert "Raro é diverso?" in headings
    shown = [output.get("data", {}) for output in written]
    assert sum("<table" in "".join(data.get("text/html", "")) for data in shown) > 5
    assert sum("image/png" in data for data in shown) > 2
    page.locator(".jp-RenderedHTML table").first.wait_for()  # of those in view: JupyterLab's way
    assert page.locator(".MathJax_Error, mjx-merror").count() == 0
