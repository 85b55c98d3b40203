"""What the book adds to Sphinx: stored HTML, formulas as MathML, and words in Portuguese."""

import html
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_MATHML = {"math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded"}
_MATHML |= {"mphantom", "mroot", "mrow", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup"}
_MATHML |= {"mtable", "mtd", "mtext", "mtr", "munder", "munderover"}
_BLOCK_END = re.compile(r"(</(?:t[dh]|summary|figcaption|p|pre)>)")


class StoredHtml(SphinxDirective):
    """Puts the HTML that is stored beside a page under a number into it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the HTML; the search index reads its text, cell by cell."""
        path = Path(self.env.doc2path(self.env.docname)).with_suffix(".json")
        stored = json.loads(path.read_text("utf-8"))[int(self.arguments[0])]
        return [nodes.raw("", _BLOCK_END.sub(r"\1\n", stored), format="html")]


def mathml(latex: str, display: str) -> str:
    """A formula as MathML, which browsers typeset by themselves.

    What cannot be converted, or holds more than a formula, stays LaTeX in a box for code.

    Parameters
    ----------
    display
        "inline" or "block".
    """
    from latex2mathml.converter import convert

    try:
        formula = str(convert(latex, display=display))
    except Exception:  # the library raises whatever its parser meets
        formula = ""
    return formula if _is_formula(formula) else f"<code>{html.escape(latex)}</code>"


def _is_formula(text: str) -> bool:
    """Whether this is MathML that leads nowhere and runs nothing; the library escapes no text."""
    try:
        elements = list(ElementTree.fromstring(text).iter())
    except ElementTree.ParseError:
        return False
    names = {element.tag.rpartition("}")[2] for element in elements}
    attributes = {name.lower() for element in elements for name in element.attrib}
    return names <= _MATHML and not any(re.search(r"href|^on|src", name) for name in attributes)


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
