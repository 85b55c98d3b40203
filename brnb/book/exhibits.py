"""Tables and figures of the book: their numbers, captions, files and origins."""

import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brnb.book.words import word
from brnb.receipt import Receipt
from brnb.report.labels import find_label

_TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
_CAPTION = re.compile(r"\s*<caption>(.*?)</caption>", re.DOTALL)
_SUFFIXES = ("csv", "pdf", "tex")


@dataclass(frozen=True)
class Exhibit:
    """A numbered table or figure.

    Attributes
    ----------
    id
        Of the artefact: ``tab07``; without one, what names it on its page.
    kind
        "table" or "figure".
    number
        Of the chapter, and in the chapter: "11.3".
    caption
        HTML.
    page, anchor
        Where the book shows it.
    """

    id: str
    kind: str
    number: str
    caption: str
    page: str
    anchor: str

    def name(self, lang: str) -> str:
        """As texts call it: "Tabela 11.3"."""
        return f"{word(self.kind, lang)} {self.number}"


@dataclass
class Catalogue:
    """Numbers exhibits in reading order, and dresses them for their page.

    Attributes
    ----------
    home
        ``reports/<profile>``, where the artefacts' files lie.
    receipts
        Of the runs that have finished.
    lang
        "pt" or "en".
    exhibits
        In order of appearance.
    """

    home: Path
    receipts: Mapping[str, Receipt]
    lang: str
    exhibits: list[Exhibit] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def dress(self, output: str, made: str | None, run: str, chapter: str, cell: int) -> str:
        """An output with number, caption, alternative text and links to its origin.

        Parameters
        ----------
        output
            Safe HTML: a table, an image, or anything else, which stays as it is.
        made
            Id of the artefact that it shows, if it is known.
        run, chapter, cell
            Where it is: the page, the chapter's number, the number of the code cell.
        """
        if _TABLE.search(output):
            return _TABLE.sub(lambda found: self._table(found[0], made, run, chapter, cell), output)
        if output.startswith("<img"):
            return self._figure(output, made, run, chapter, cell)
        return output

    def _table(self, table: str, made: str | None, run: str, chapter: str, cell: int) -> str:
        match = _CAPTION.search(table)
        caption = match[1] if match else ""
        exhibit = self._next("table", made, caption, run, chapter)
        body = _CAPTION.sub("", table, count=1)
        named = f'role="region" tabindex="0" aria-labelledby="{exhibit.anchor}-caption"'
        return self._framed(exhibit, f'<div class="scroll" {named}>{body}</div>', run, cell)

    def _figure(self, image: str, made: str | None, run: str, chapter: str, cell: int) -> str:
        caption = html.escape((made and find_label(made, self.lang)) or "")
        exhibit = self._next("figure", made, caption, run, chapter)
        if made and (self.home / "figures" / f"{made}.png").is_file():
            image = f'<img src="files/figures/{made}.png" alt="">'
        alt = (made and find_label(f"alt-{made}", self.lang)) or html.unescape(caption)
        text = html.escape(alt or exhibit.name(self.lang), quote=True)
        shown = image.replace('alt=""', f'alt="{text}" class="dark-light" loading="lazy"')
        return self._framed(exhibit, shown, run, cell)

    def _next(self, kind: str, made: str | None, caption: str, run: str, chapter: str) -> Exhibit:
        self._counts[kind, chapter] += 1
        number = f"{chapter}.{self._counts[kind, chapter]}"
        name = made or f"{kind}-{number.replace('.', '-')}"
        known = {exhibit.anchor for exhibit in self.exhibits if exhibit.page == run}
        anchor = name if name not in known else f"{name}-{number.replace('.', '-')}"
        self.exhibits.append(Exhibit(name, kind, number, caption, run, anchor))
        return self.exhibits[-1]

    def _framed(self, exhibit: Exhibit, body: str, run: str, cell: int) -> str:
        name = f'<span class="name">{exhibit.name(self.lang)}.</span>'
        caption = f'<figcaption id="{exhibit.anchor}-caption">{name} {exhibit.caption}</figcaption>'
        above, below = (caption, "") if exhibit.kind == "table" else ("", caption)
        origin = f'<p class="origin">{self._origin(exhibit, run, cell)}</p>'
        return (
            f'<figure class="exhibit {exhibit.kind}-exhibit" id="{exhibit.anchor}">\n'
            f"{above}{body}{below}\n{origin}</figure>"
        )

    def _origin(self, exhibit: Exhibit, run: str, cell: int) -> str:
        """Links to the cell, the files, the receipt and the commit."""
        links = [link(f"#cell-{cell}", f"{word('cell', self.lang)} {cell}")]
        links += self.files(exhibit)
        receipt = self.receipts.get(run)
        if receipt:
            links.append(link(f"files/receipts/{run}.json", word("receipt", self.lang)))
            links.append(link(f"runs.html#run-{run}", f"commit {commit(receipt)}"))
        return " · ".join(links)

    def files(self, exhibit: Exhibit) -> list[str]:
        """Links to the files of an exhibit: data, LaTeX, PDF."""
        folder = f"{exhibit.kind}s"
        there = [s for s in _SUFFIXES if (self.home / folder / f"{exhibit.id}.{s}").is_file()]
        return [link(f"files/{folder}/{exhibit.id}.{s}", word(s, self.lang)) for s in there]


def commit(receipt: Receipt) -> str:
    """Short hash of the commit that a run used; with an asterisk if files differed from it."""
    known = str(receipt.provenance.get("git_commit") or "")[:7] or "–"
    return f"{known}*" if receipt.provenance.get("git_dirty") else known


def link(href: str, text: str) -> str:
    """An HTML link; both are escaped."""
    return f'<a href="{html.escape(href, quote=True)}">{html.escape(text)}</a>'
