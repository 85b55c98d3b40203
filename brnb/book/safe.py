"""Outputs of notebooks as HTML that a page may hold: models write them, so nothing in them runs."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

# A page keeps these tags of an output and prints any other as text.
_TAGS = {"a", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em"}
_TAGS |= {"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "small"}
_TAGS |= {"span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"}
_TAGS |= {"ul"}


def output_html(output: Mapping[str, Any]) -> str:
    """HTML of one output of a code cell; empty for progress bars, tracebacks and scripts.

    Of a chapter that failed the traceback is left out: it holds paths of the machine, and may quote
    more.

    Parameters
    ----------
    output
        As nbformat 4 has it: a stream, a display or an error.
    """
    if output.get("output_type") == "stream":
        text = _joined(output.get("text", ""))
        return preformatted(text) if output.get("name") == "stdout" else ""
    data = output.get("data", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            code = re.sub(r"[^A-Za-z0-9+/=]", "", _joined(data[kind]))
            return f'<img src="data:{kind};base64,{code}" alt="">'
    if "text/html" in data:
        return sanitize(_joined(data["text/html"]))
    if "text/markdown" in data:
        return sanitize(_rendered(_joined(data["text/markdown"])))
    return preformatted(_joined(data.get("text/latex", data.get("text/plain", ""))))


def preformatted(text: str) -> str:
    """A text as it is, in a box; empty if it is blank."""
    shown = text.strip("\n")
    return f'<pre class="output">{html.escape(shown)}</pre>' if shown.strip() else ""


def sanitize(body: str) -> str:
    """HTML with harmless tags and attributes alone; whatever else it holds is printed as text."""
    from bleach.css_sanitizer import CSSSanitizer  # type: ignore[import-untyped]
    from bleach.html5lib_shim import Filter  # type: ignore[import-untyped]
    from bleach.sanitizer import Cleaner  # type: ignore[import-untyped]

    class Images(Filter):
        """No image that has no source left, and none without an alternative text."""

        def __iter__(self) -> Iterator[Any]:
            for token in super().__iter__():
                if token.get("name") == "img":
                    if (None, "src") not in token["data"]:
                        continue
                    token["data"].setdefault((None, "alt"), "")
                yield token

    cleaner = Cleaner(
        tags=_TAGS,
        attributes=_is_harmless,
        protocols=["http", "https", "mailto", "data"],
        css_sanitizer=CSSSanitizer(["text-align"]),
        filters=[Images],
    )
    return str(cleaner.clean(body))


def _is_harmless(tag: str, name: str, value: str) -> bool:
    if name == "src":  # an image of the notebook: a page fetches nothing
        return value.startswith("data:image/")
    if name == "href":  # browsers skip blanks and control characters, and know no case
        scheme, colon, _ = re.sub(r"[\x00-\x20]", "", value).partition(":")
        return not colon or "#" in scheme or scheme.lower() in ("http", "https", "mailto")
    return name in ("alt", "class", "colspan", "rowspan", "scope", "style", "title")


def _rendered(markdown: str) -> str:
    from markdown_it import MarkdownIt

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown))


def _joined(text: Any) -> str:
    """A multi-line string, which nbformat may keep as a list of lines."""
    return "".join(text) if isinstance(text, list) else str(text)
