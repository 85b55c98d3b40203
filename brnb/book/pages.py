"""The pages beside the chapters: index, results, errata, and everything by name."""

import csv
import html
from collections.abc import Mapping, Sequence
from typing import Any

from brnb.audit.outcome import Outcome
from brnb.audit.reproduction import outcomes
from brnb.book.chapter import Page
from brnb.book.exhibits import Catalogue, Exhibit, link
from brnb.book.grid import Column, grid
from brnb.book.words import word
from brnb.receipt import Receipt
from brnb.report.labels import MISSING, format_number, label

# Of the index: word, place and finding in `brnb.audit.reproduction`, decimals.
_FIVE = (
    ("v6_ppl", "Tabela 9: v6_rc16k_v5b_aligned", "perplexity", 2),
    ("cpt_change", "Tabela 12", "cpt_lowers_perplexity", 1),
    ("sft_change", "Tabela 12", "sft_lowers_perplexity", 1),
    ("qa_gain", "Tabela 13: QA, F1", "sft_gains", 3),
)


def index_page(chapters: Sequence[Page], catalogue: Catalogue) -> Page:
    """What the dissertation asks and found, five numbers, the chapters, how to read and cite."""
    lang = catalogue.lang
    page = Page("index", word("home", lang), [f"# {word('title', lang)}"])
    for part in ("question", "found"):
        page.markdown += [f"## {word(f'{part}_title', lang)}", word(part, lang)]
    page.html(_five(catalogue))
    for part in ("read", "cite"):
        page.markdown += [f"## {word(f'{part}_title', lang)}", word(part, lang)]
    page.markdown.append(f"## {word('chapters_title', lang)}")
    page.markdown.append("\n".join(f"- [{page.title}]({page.name}.md)" for page in chapters))
    return page


def _five(catalogue: Catalogue) -> str:
    lang = catalogue.lang
    known = {(o.place, o.result): o for o in outcomes(catalogue.home / "tables")}
    rows = []
    for id, place, result, decimals in _FIVE:
        outcome = known.get((place, result))
        rows.append([word(id, lang), *_pair(outcome, decimals, lang)])
    hours = _numbers(catalogue.receipts)
    pair = [
        hours.get(f"track1.hours_{kind}", {}).get("value") for kind in ("published", "projected")
    ]
    rows.append([word("track1_hours", lang), *(format_number(value, lang, 1) for value in pair)])
    columns = [Column(word("what", lang))]
    columns += [Column(label(id, lang), is_numeric=True) for id in ("published", "ours")]
    return grid("five-numbers", word("five", lang), columns, rows)


def _pair(outcome: Outcome | None, decimals: int, lang: str) -> list[str]:
    if outcome is None:
        return [MISSING, MISSING]
    return [format_number(value, lang, decimals) for value in (outcome.published, outcome.ours)]


def results_page(catalogue: Catalogue) -> Page:
    """Published beside reproduced, for readers to filter."""
    from brnb.chapters.reproduced import tab_reproduces

    lang, title = catalogue.lang, word("results", catalogue.lang)
    page = Page("results", title, [f"# {title}", word("results_text", lang)])
    compared = outcomes(catalogue.home / "tables")
    records = tab_reproduces(compared, lang).to_dict("records") if compared else []
    numeric = ("published", "ours", "ci_low", "ci_high")
    columns = [Column(label(id, lang)) for id in ("place", "finding")]
    columns += [Column(label(id, lang), is_numeric=True) for id in numeric]
    columns += [Column(label("verdict", lang), is_choice=True), Column(label("reason", lang))]
    rows = []
    for row in records:
        verdict, _, reason = row["verdict"].partition(": ")
        numbers = [format_number(row[id], lang, 3) for id in numeric]
        cells = [_place(row["place"], catalogue), html.escape(row["finding"]), *numbers]
        rows.append([*cells, html.escape(verdict), html.escape(reason)])
    page.html(
        grid("results-table", word("results_caption", lang), columns, rows, word("filter", lang))
    )
    return page


def _place(place: str, catalogue: Catalogue) -> str:
    """Where something is published, with a link to the table that has it beside ours."""
    number = place.partition(":")[0].removeprefix("Tabela ")
    id = f"tab{number:0>2}"
    shown = next((e for e in catalogue.exhibits if e.id == id), None)
    return link(f"{shown.page}.html#{shown.anchor}", place) if shown else html.escape(place)


def errata_page(catalogue: Catalogue) -> Page:
    """What chapter 23 found wrong in the documents, for readers to filter."""
    lang, title = catalogue.lang, word("errata", catalogue.lang)
    page = Page("errata", title, [f"# {title}"])
    file = catalogue.home / "tables" / "tab-errata.csv"
    if not file.is_file():
        page.markdown.append(word("errata_absent", lang))
        return page
    page.markdown.append(word("errata_text", lang))
    with file.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(line for line in lines if not line.startswith("# brnb"))
    columns = [Column(label(id, lang), is_choice=id == "verdict") for id in header]
    cells = [[html.escape(_unquoted(cell)) for cell in row] for row in rows]
    page.html(grid("errata-table", title, columns, cells, word("filter", lang)))
    return page


def _unquoted(cell: str) -> str:
    """A cell without the quote that keeps spreadsheets from computing it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def exhibits_page(catalogue: Catalogue) -> Page:
    """Every table, figure and number by name."""
    lang, title = catalogue.lang, word("exhibits", catalogue.lang)
    page = Page("exhibits", title, [f"# {title}"])
    for kind in ("table", "figure"):
        listed = [exhibit for exhibit in catalogue.exhibits if exhibit.kind == kind]
        if listed:
            page.markdown.append(f"## {word(f'{kind}s', lang)}")
            page.html(_listed(kind, listed, catalogue))
    page.markdown += [f"## {word('numbers', lang)}", word("numbers_text", lang)]
    page.html(_number_table(catalogue))
    return page


def _listed(kind: str, exhibits: Sequence[Exhibit], catalogue: Catalogue) -> str:
    lang = catalogue.lang
    columns = [Column(word(kind, lang)), Column(label("text", lang)), Column(label("id", lang))]
    columns.append(Column(label("data", lang)))
    rows = [
        [
            link(f"{exhibit.page}.html#{exhibit.anchor}", exhibit.name(lang)),
            exhibit.caption,
            f"<code>{html.escape(exhibit.id)}</code>",
            " · ".join(catalogue.files(exhibit)),
        ]
        for exhibit in exhibits
    ]
    return grid(f"all-{kind}s", word(f"{kind}s", lang), columns, rows, word("filter", lang))


def _number_table(catalogue: Catalogue) -> str:
    lang, rows = catalogue.lang, []
    for id, number in sorted(_numbers(catalogue.receipts).items()):
        value = format_number(number["value"], lang, number.get("decimals"), number.get("unit"))
        run = id.partition(".")[0]
        rows.append(
            [f"<code>{html.escape(id)}</code>", html.escape(value), link(f"{run}.html", run)]
        )
    columns = [Column(label("id", lang)), Column(label("value", lang), is_numeric=True)]
    columns.append(Column(label("run", lang)))
    return grid("all-numbers", word("numbers", lang), columns, rows, word("filter", lang))


def _numbers(receipts: Mapping[str, Receipt]) -> dict[str, dict[str, Any]]:
    return {id: number for receipt in receipts.values() for id, number in receipt.numbers.items()}
