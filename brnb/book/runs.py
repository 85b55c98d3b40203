"""The page of the runs: what each used and left, and any two side by side."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from brnb.book.chapter import Page
from brnb.book.exhibits import commit, link
from brnb.book.grid import Column, grid
from brnb.book.words import word
from brnb.receipt import Receipt
from brnb.report.labels import find_label, format_number, label
from brnb.report.spending import spending

_PARTS = ("params", "metrics", "resources", "provenance")
_NUMBERS = ("parameters", "tokens", "speed", "seconds", "peak_gb", "energy_wh", "price")
_DECIMALS = {"seconds": 1, "speed": 0, "peak_gb": 2, "energy_wh": 2, "price": 4}


def runs_page(
    runs: Sequence[str], states: Mapping[str, str], receipts: Mapping[str, Receipt], lang: str
) -> Page:
    """All runs in one table, a comparison, and every receipt in full.

    Parameters
    ----------
    runs
        In reading order.
    states
        done, stale, failed or missing, by run.
    receipts
        Of those that have finished.
    """
    title = word("runs", lang)
    page = Page("runs", title, [f"# {title}", word("runs_text", lang)])
    page.html(_table(runs, states, receipts, lang))
    page.markdown.append(f"## {word('compare', lang)}")
    page.html(_comparison(lang))
    page.markdown.append(f"## {word('receipts', lang)}")
    for run in runs:
        if run in receipts:
            page.html(_details(receipts[run], lang))
    return page


def _table(
    runs: Sequence[str], states: Mapping[str, str], receipts: Mapping[str, Receipt], lang: str
) -> str:
    rows = []
    for run in runs:
        used = asdict(spending(receipts[run])) if run in receipts else {}
        numbers = [format_number(used.get(id), lang, _DECIMALS.get(id)) for id in _NUMBERS]
        state = html.escape(find_label(states[run], lang) or states[run])
        known = link(f"files/receipts/{run}.json", commit(receipts[run])) if used else "–"
        name = f'<a href="{run}.html">{run.replace("_", "_<wbr>")}</a>'
        rows.append([name, state, html.escape(str(used.get("device", "–"))), *numbers, known])
    return grid(
        "runs-table", word("runs_caption", lang), _columns(lang), rows, word("filter", lang)
    )


def _columns(lang: str) -> list[Column]:
    columns = [Column(label("run", lang)), Column(label("state", lang), is_choice=True)]
    columns.append(Column(label("device", lang), is_choice=True))
    columns += [Column(word(id, lang), is_numeric=True) for id in _NUMBERS]
    return [*columns, Column(word("commit", lang))]


def _comparison(lang: str) -> str:
    """Where a script puts the two lists of runs and their table."""
    words = {name: word(f"compare_{name}", lang) for name in ("first", "second", "value", "same")}
    words["label"] = word("compare", lang)
    data = "".join(f' data-{name}="{html.escape(text)}"' for name, text in words.items())
    return f'<div id="comparison"{data}><p>{html.escape(word("needs_script", lang))}</p></div>'


def _details(receipt: Receipt, lang: str) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
        for name, value in _told(receipt, lang)
    )
    run, file = receipt.run, link(f"files/receipts/{receipt.run}.json", "receipt.json")
    return (
        f'<details class="receipt" id="run-{run}"><summary>{run}</summary>\n<p>{file}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{run}">'
        f"<table><tbody>\n{rows}\n</tbody></table></div></details>"
    )


def _told(receipt: Receipt, lang: str) -> Iterator[tuple[str, str]]:
    """Everything in a receipt that two runs can be compared by, as name and text."""
    yield label("seconds", lang), format_number(receipt.seconds, lang, 1)
    for part in _PARTS:
        for name, value in sorted(_flat(getattr(receipt, part))):
            yield f"{word(f'part_{part}', lang)}: {name}", _text(value, lang)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _text(value: Any, lang: str) -> str:
    if isinstance(value, bool):
        return label("yes" if value else "no", lang)
    if value is None or isinstance(value, int | float):
        return format_number(value, lang)
    return str(value)
