"""What the book adds to Sphinx: stored HTML, formulas as MathML, and words in Portuguese."""

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class StoredHtml(SphinxDirective):
    """Puts the HTML that is stored beside a page under a number into it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the HTML as it is; the search index reads its text."""
        stored = json.loads(
            Path(self.env.doc2path(self.env.docname)).with_suffix(".json").read_text("utf-8")
        )
        return [nodes.raw("", stored[int(self.arguments[0])], format="html")]


def mathml(latex: str, display: str) -> str:
    """A formula as MathML, which browsers typeset by themselves.

    What cannot be converted stays LaTeX, in a box for code.

    Parameters
    ----------
    display
        "inline" or "block".
    """
    from latex2mathml.converter import convert  # type: ignore[import-untyped]

    try:
        return str(convert(latex, display=display))
    except Exception:  # the library raises whatever its parser meets
        return f"<code>{html.escape(latex)}</code>"


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    body = mathml(node.astext(), "block")
    translator.body.append(f'<div class="formula" tabindex="0">{body}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it; Sphinx calls this."""
    app.add_directive("stored-html", StoredHtml)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
