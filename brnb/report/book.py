"""The executed chapters as an HTML book that opens from disk, without a network or scripts."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.receipt import write_atomic
from brnb.report.labels import find_label, format_number, label

if TYPE_CHECKING:
    from jinja2 import Template
    from nbformat import NotebookNode

_WORDS = ["book", "chapter", "chapters", "contents", "figures", "id", "numbers", "run", "seconds"]
_WORDS += ["skip", "state", "tables", "value"]
# Models write HTML and authors paste it: a page keeps these tags, prints others as text.
_TAGS = {"a", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em"}
_TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "small"}
_TAGS |= {"span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_TAGS |= {"ul"}
_OUTPUTS = {"text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/jpeg"}


def build_book(
    notebooks: Sequence[tuple[str, Path]],
    folder: Path,
    lang: str,
    receipts: Mapping[str, Mapping[str, Any]] | None = None,
    cache: Path | None = None,
) -> Path:
    """Write one page per executed notebook and an index into ``<folder>/book``.

    Parameters
    ----------
    notebooks : sequence of (run id, path)
        Executed notebooks in reading order.
    folder : Path
        ``reports/<profile>``: the index links its ``tables/`` and ``figures/``.
    lang : str
        "pt" or "en".
    receipts : mapping of run id to Mapping, optional
        ``state``, ``seconds`` and ``numbers`` of each run for the index; what is absent is "–".
    cache : Path, optional
        Folder that keeps the converted notebooks, so that only new ones are converted.

    Returns
    -------
    Path
        ``<folder>/book/index.html``. The same notebooks and receipts give the same bytes: execution
        times, prompts and cell ids are left out.

    Raises
    ------
    ValueError
        If a notebook cannot be read; the message names it.
    """
    book = folder / "book"
    book.mkdir(parents=True, exist_ok=True)
    receipts = receipts or {}
    pages = [(run, *_cached_page(path, cache)) for run, path in notebooks]
    chapters = [_chapter(run, title, receipts.get(run, {}), lang) for run, title, _ in pages]
    common = {
        "html_lang": {"pt": "pt-BR", "en": "en"}[lang],
        "words": {word: label(word, lang) for word in _WORDS},
        "chapters": chapters,
    }
    template = _template("book.html.j2")
    for run, title, body in pages:
        write_atomic(
            book / f"{run}.html", template.render(common, current=run, title=title, body=body)
        )
    index = template.render(
        common,
        current="index",
        title=label("book", lang),
        figures=_listed(folder / "figures", "png", lang),
        tables=_listed(folder / "tables", "tex", lang),
        numbers=list(_numbers(receipts, lang)),
    )
    write_atomic(book / "book.css", _stylesheet())
    for page in set(book.glob("*.html")) - {book / f"{run}.html" for run, _ in notebooks}:
        page.unlink()
    write_atomic(book / "index.html", index)
    return book / "index.html"


def _cached_page(path: Path, cache: Path | None) -> tuple[str, str]:
    """`_page`, from the cache if it was made of the same notebook by the same code."""
    if cache is None:
        return _page(path)
    made_of = hashlib.sha256(path.read_bytes() + Path(__file__).read_bytes())
    for package in ("bleach", "nbconvert", "pygments"):
        made_of.update(metadata.version(package).encode())
    kept, key = cache / f"{path.stem}.json", made_of.hexdigest()
    try:
        known, title, body = json.loads(kept.read_text("utf-8"))
    except (OSError, ValueError):  # none yet, or cut short
        known = None
    if known != key:
        title, body = _page(path)
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(kept, json.dumps([key, title, body], ensure_ascii=False))
    return title, body


def _page(path: Path) -> tuple[str, str]:
    """Return the title and the HTML body of an executed notebook."""
    import nbformat
    from nbconvert import HTMLExporter

    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises whatever its JSON reader and validator raise
        raise ValueError(f"{path} is not a readable notebook: run its chapter again") from error
    _strip(notebook)
    exporter = HTMLExporter(
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    return _title(notebook, path.stem), _sanitize(body)


def _strip(notebook: "NotebookNode") -> None:
    """Drop scripts, and what changes from one execution to the next: times, ids, progress bars.

    Of a chapter that failed, the traceback too: it holds paths of the machine, and may quote more.
    """
    notebook.metadata = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i}"
        cell.metadata = {"tags": cell.metadata.get("tags", [])}
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "data" in output:
                output.data = {kind: output.data[kind] for kind in output.data if kind in _OUTPUTS}
        cell.outputs = [
            output
            for output in cell.outputs
            if output.get("name") != "stderr"
            and output.get("data") != {}
            and output.get("output_type") != "error"
        ]


def _sanitize(body: str) -> str:
    from bleach import clean  # type: ignore[import-untyped]
    from bleach.css_sanitizer import CSSSanitizer  # type: ignore[import-untyped]

    return clean(
        body,
        tags=_TAGS,
        attributes=_is_harmless,
        protocols=["http", "https", "mailto", "data"],
        css_sanitizer=CSSSanitizer(["text-align"]),
    )


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if name == "src":  # an image of the notebook: a page fetches nothing
        return value.startswith("data:image/")
    if name == "href":  # browsers skip blanks and control characters, and know no case
        scheme, colon, _ = re.sub(r"[\x00-\x20]", "", value).partition(":")
        return not colon or "#" in scheme or scheme.lower() in ("http", "https", "mailto")
    return name in ("alt", "class", "colspan", "id", "rowspan", "scope", "style", "title")


def _title(notebook: "NotebookNode", default: str) -> str:
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("# "):
                return str(line[2:].strip())
    return default


def _chapter(run: str, title: str, receipt: Mapping[str, Any], lang: str) -> dict[str, str]:
    state = receipt.get("state")
    return {
        "run": run,
        "title": title,
        "href": f"{run}.html",
        "state": (find_label(state, lang) or state) if state else "–",
        "seconds": format_number(receipt.get("seconds"), lang, 1),
    }


def _listed(folder: Path, suffix: str, lang: str) -> list[dict[str, str]]:
    ids = sorted(path.stem for path in folder.glob(f"*.{suffix}"))
    return [{"id": id, "caption": find_label(id, lang) or id} for id in ids]


def _numbers(receipts: Mapping[str, Mapping[str, Any]], lang: str) -> Iterator[dict[str, str]]:
    numbers = {
        id: n for receipt in receipts.values() for id, n in receipt.get("numbers", {}).items()
    }
    for id in sorted(numbers):
        number = numbers[id]
        value = format_number(number["value"], lang, number.get("decimals"), number.get("unit"))
        yield {"id": id, "value": value}


def _template(name: str) -> "Template":
    from jinja2 import Environment

    source = resources.files("brnb.report").joinpath(name).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string(source)


def _stylesheet() -> str:
    from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]

    return _template("book.css.j2").render(
        highlighting=HtmlFormatter(style="default").get_style_defs(".highlight")
    )
