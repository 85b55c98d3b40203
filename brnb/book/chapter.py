"""The page of a chapter: Markdown with its outputs stored beside it as HTML."""

import html
from dataclasses import dataclass, field

from brnb.book.executed import Code, Executed, Prose
from brnb.book.exhibits import Catalogue, commit
from brnb.book.words import word
from brnb.report.labels import find_label, format_number, label


@dataclass
class Page:
    """A page on its way to Sphinx.

    Attributes
    ----------
    name
        Of the file, without suffix.
    title
        In the navigation.
    markdown
        Blocks of MyST Markdown, in which a directive stands for each stored HTML.
    stored
        Safe HTML by number.
    """

    name: str
    title: str
    markdown: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def html(self, body: str) -> None:
        """Add HTML that is known to be safe."""
        self.markdown.append(f"```{{stored-html}} {len(self.stored)}\n```")
        self.stored.append(body)


def chapter_page(executed: Executed, title: str, state: str, catalogue: Catalogue) -> Page:
    """Lay out an executed notebook: prose, folded code, dressed outputs.

    Parameters
    ----------
    executed
        The notebook.
    title
        Of the page; it names the run where a notebook has several.
    state
        Of the run: done, stale, failed, missing.
    catalogue
        Numbers the tables and figures.
    """
    page = Page(executed.run, title, [f"# {title}"])
    page.html(_facts(executed, state, catalogue))
    for cell in executed.cells:
        if isinstance(cell, Prose):
            page.markdown.append(_without_title(cell.text, executed.title))
        else:
            _add_code(page, cell, executed.chapter, catalogue)
    return page


def _without_title(text: str, title: str) -> str:
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line == f"# {title}"), None)
    return text if first is None else "\n".join(lines[:first] + lines[first + 1 :])


def _facts(executed: Executed, state: str, catalogue: Catalogue) -> str:
    """A line on the run: state, seconds, commit, receipt, notebook."""
    run, lang = executed.run, catalogue.lang
    receipt = catalogue.receipts.get(run)
    facts = [f"<code>{html.escape(run)}</code>", html.escape(find_label(state, lang) or state)]
    if receipt:
        facts += [
            format_number(receipt.seconds, lang, 1, "s"),
            f'<a href="runs.html#run-{run}">commit {commit(receipt)}</a>',
            f'<a href="files/receipts/{run}.json">{word("receipt", lang)}</a>',
        ]
    facts.append(f'<a href="files/notebooks/{executed.notebook}.ipynb" download>notebook</a>')
    buttons = "".join(f' data-{n}="{word(f"{n}_code", lang)}"' for n in ("open", "close"))
    return f'<p class="facts"{buttons}>{label("run", lang)}: {" · ".join(facts)}</p>'


def _add_code(page: Page, cell: Code, chapter: str, catalogue: Catalogue) -> None:
    lang = catalogue.lang
    name = word(cell.kind, lang)
    figures = iter([name for name in cell.made if name.startswith("fig")])
    tables = iter([name for name in cell.made if not name.startswith("fig")])
    dressed = []
    for output in cell.outputs:
        shows = figures if output.startswith("<img") else tables if "<table" in output else iter([])
        made = next(shows, "{")
        known = None if "{" in made else made  # an f-string of more than the run's id
        dressed.append(catalogue.dress(output, known, page.name, chapter, cell.number))
    inside = "\n".join(dressed) if cell.folded else ""
    anchor = "" if cell.kind == "injected" else f' id="cell-{cell.number}"'
    page.html(
        f'<details class="code"{anchor}><summary>{name} <span>[{cell.number}]</span></summary>'
        f"{_highlighted(cell.source)}{inside}</details>"
    )
    if dressed and not cell.folded:
        page.html("\n".join(dressed))


def _highlighted(source: str) -> str:
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    return str(highlight(source, PythonLexer(), HtmlFormatter()))
