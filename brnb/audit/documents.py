"""The documents that are audited: files of a folder or, without them, the register's quotes."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from brnb.audit.claims import Claim
from brnb.audit.quote import Found, agrees_until, occurrences

VARIABLE = "BRNB_DOCUMENTS"


@dataclass(frozen=True)
class Place:
    """Where a quotation stands: the document, and its extent and slots there."""

    document: str
    found: Found


def folder_of_documents() -> Path | None:
    """Folder that the environment variable BRNB_DOCUMENTS names, if it does."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def read_originals(folder: Path) -> dict[str, str]:
    """Read every document of a folder by the number that its name begins with.

    A file that is UTF-8 read as Mac Roman ("quantizaÃ§Ã£o" and the like) is decoded back.

    Raises
    ------
    FileNotFoundError
        If the folder holds no document.
    """
    texts = {}
    for path in sorted(folder.glob("*.txt")):
        number = re.match(r"\d{3}", path.name)
        if number:
            texts[number[0]] = decoded_text(path.read_bytes(), path.name)
    if not texts:
        raise FileNotFoundError(f"{folder} holds no document such as 002_….txt; check {VARIABLE}")
    return texts


def decoded_text(data: bytes, name: str) -> str:
    """Text of a document's bytes; undoes UTF-8 that was read as Mac Roman.

    Raises
    ------
    ValueError
        If the bytes are not UTF-8; names the file and the fix.
    """
    text = utf8_text(data, name)
    try:
        return text.encode("mac_roman").decode("utf-8")
    except UnicodeError:
        return text


def utf8_text(data: bytes, name: str) -> str:
    """Text of a file's bytes.

    Raises
    ------
    ValueError
        If they are not UTF-8; names the file, the line and the fix.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{name}:{line}: not UTF-8 (byte {data[error.start]:#x}, Latin-1?): convert it, for "
            f"example: iconv -f latin1 -t utf-8 {name} -o new"
        ) from error


def from_register(claims: Iterable[Claim]) -> dict[str, str]:
    """Documents made of the claims' own quotations, for when the real ones are not at hand."""
    texts: dict[str, dict[str, None]] = {}
    for claim in claims:
        for document, quote in claim.passages:
            texts.setdefault(document, {})[quote.text] = None
    return {document: "\n\n".join(lines) + "\n" for document, lines in texts.items()}


def locate_quotations(claim: Claim, documents: Mapping[str, str]) -> tuple[Place, ...]:
    """Where a claim's quotations stand, the first place of each.

    Raises
    ------
    LookupError
        If one stands nowhere; says how far the document agrees with it.
    """
    places = []
    for document, quote in claim.passages:
        text = documents.get(document, "")
        found = occurrences(quote, text)
        if not found:
            where = agrees_until(quote, text)
            raise LookupError(f"quote {quote.text!r} is not in document {document}: {where}")
        places.append(Place(document, found[0]))
    return tuple(places)


def slots_at(places: Iterable[Place], documents: Mapping[str, str]) -> dict[str, str]:
    """Text of every slot, as it stands in the documents."""
    return {
        slot.name: documents[place.document][slot.start : slot.end]
        for place in places
        for slot in place.found.slots
    }
