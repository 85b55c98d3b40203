"""Documents by register of text: law, code, novels, as their titles or ids tell."""

import re
from collections.abc import Iterable, Mapping

from brnb.text.finished import Document


def by_register(
    documents: Iterable[Document], registers: Mapping[str, str], count: int
) -> dict[str, list[str]]:
    """The first texts of each register.

    Parameters
    ----------
    documents
        Read until every register is full.
    registers
        By name, a regular expression that is searched in a document's id and title; the first
        one that matches takes the document.
    count
        Texts of each register, at most.

    Raises
    ------
    ValueError
        If a register matches no document, or an expression is none.
    """
    patterns = {name: _compiled(name, expression) for name, expression in registers.items()}
    texts: dict[str, list[str]] = {name: [] for name in registers}
    for document in documents:
        title = f"{document.doc_id} {document.title}"
        name = next((n for n, pattern in patterns.items() if pattern.search(title)), None)
        if name is not None and len(texts[name]) < count:
            texts[name].append(document.text)
        if all(len(drawn) == count for drawn in texts.values()):
            break
    if empty := [name for name, drawn in texts.items() if not drawn]:
        raise ValueError(
            f"registers {', '.join(empty)}: no document's id or title matches; change their "
            "expressions to what the corpus calls its documents"
        )
    return texts


def _compiled(name: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(
            f"register {name}: {expression!r} is no regular expression: {error}"
        ) from None
