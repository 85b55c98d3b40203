"""One streaming reader for every source of documents.

=====================  ==========================================================================
``sample``             the embedded sample
a file or a folder     ``.jsonl`` and ``.json`` (one record a line) and ``.txt``, also as ``.gz``,
                       and ``.parquet``; folders are read recursively, in order of path;
                       several, one after the other, with ``:`` between them as in ``PATH``
``hf:<name>[:split]``  a dataset of the Hugging Face hub, streamed (split ``train`` by default)
=====================  ==========================================================================

Records follow the BrWaC schema, ``{doc_id, title, uri, text: {title, paragraphs: [[sentence]]}}``,
or are flat: ``text`` (or ``content``, ``raw_content``), and if there, ``doc_id`` (or ``id``) and
``title``. A record may name its ``register``, the kind of text; else it is the name of the file
without its suffixes. Plain text follows BERT's convention: a line is a paragraph, a blank line
ends the document. Nothing is held but the record at hand.
"""

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, Self

from brnb.text.finished import Document
from brnb.text.formats import FILE_FORMATS, Malformed, Row, is_readable, rows_of
from brnb.text.marks import nfc

EARLY_CHECK = 1000  # records after which a bad source is given up at once


class Quarantine:
    """Malformed records, streamed to a JSONL file and counted by reason.

    Parameters
    ----------
    path
        The file: one ``{file, line, reason, record}`` a line (``record``: first 200 characters).
    max_share
        The share of malformed records, of all records, above which reading fails: at the end
        (`check`), and as soon as it is exceeded once `EARLY_CHECK` records were read.
    """

    def __init__(self, path: Path, max_share: float) -> None:
        self.path = path
        self.max_share = max_share
        self.good = 0
        self.reasons: Counter[str] = Counter()
        self._first = ""
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def malformed(self) -> int:
        """Number of malformed records."""
        return self.reasons.total()

    def add(self, file: str, line: int, problem: Malformed) -> None:
        """Record one malformed record, at 1-based `line` (or row) of `file`."""
        entry = {"file": file, "line": line, "reason": problem.reason, "record": problem.record}
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.reasons[problem.reason.partition(":")[0]] += 1
        self._first = self._first or f"{file}:{line}: {problem.reason}"
        if self.malformed + self.good >= EARLY_CHECK:
            self.check()

    def check(self) -> None:
        """Raise ValueError if the share of malformed records is above `max_share`."""
        total = self.good + self.malformed
        if self.malformed <= self.max_share * total:
            return
        self._stream.flush()
        raise ValueError(
            f"{self.malformed} of {total} records are malformed "
            f"({self.malformed / total:.2%}; max_malformed_share allows {self.max_share:.2%})\n"
            f"  first: {self._first}\n"
            f"  all: {self.path}\n"
            "  repair them in the source, or raise max_malformed_share"
        )


def read_documents(
    source: str, *, documents: int | None, seed: int, quarantine: Quarantine
) -> Iterator[Document]:
    """Stream the documents of `source`; malformed records go to `quarantine`.

    Parameters
    ----------
    source
        See the module; variables that begin with BRNB_ (``${BRNB_DATA}``) and ``~`` are expanded.
        No others: what a variable holds would stand in notebooks and receipts.
    documents
        Stop after this many documents; None reads all (``sample`` needs a number).
    seed
        Seed of the embedded sample; without effect on any other source.
    quarantine
        Receives invalid JSON and UTF-8, missing, empty or non-string text, NUL characters,
        damaged files; the caller calls its `check` at the end.

    Raises
    ------
    ValueError
        A variable is not set or not of ours; the format is unknown; a link leads out of the
        folder; too much is malformed.
    FileNotFoundError
        There is no such file, or nothing readable in the folder.
    ConnectionError
        The hub could not be reached.
    """
    return itertools.islice(_documents(_records(source, documents, seed), quarantine), documents)


def input_files(source: str) -> list[Path]:
    """Return the local files behind `source`, sorted; none for ``sample`` and ``hf:``.

    Raises
    ------
    ValueError, FileNotFoundError
        As `read_documents`.
    """
    return [path for path, _ in _named_files(source)]


def _named_files(source: str) -> list[tuple[Path, str]]:
    """Files of a source and what to call them: their path within the folder that was given."""
    if (expanded := expand(source)) == "sample" or expanded.startswith("hf:"):
        return []
    roots = [Path(part).expanduser() for part in expanded.split(os.pathsep)]
    return [
        (path, path.name if path == root else path.relative_to(root).as_posix())
        for root in roots
        for path in _files(root, source)
    ]


def _files(root: Path, source: str) -> list[Path]:
    known = ", ".join(FILE_FORMATS)
    if root.is_file():
        if not is_readable(root):
            raise ValueError(f"corpus {source}: unknown format; known are {known}")
        return [root]
    if not root.is_dir():
        raise FileNotFoundError(
            f"corpus {source} does not exist: give sample, hf:<name>, or a file or folder of "
            f"{known}"
        )
    files = [path for path in root.rglob("*") if path.is_file() and is_readable(path)]
    shown = [path for path in files if not any(p[0] == "." for p in path.relative_to(root).parts)]
    if not shown:
        raise FileNotFoundError(
            f"corpus {source}: nothing to read in this folder; known are {known}"
        )
    for path in shown:
        if not path.resolve().is_relative_to(root.resolve()):
            raise ValueError(
                f"corpus {source}: {path.relative_to(root)} is a link out of the folder; "
                "give the folder that it leads to, or copy the file"
            )
    return sorted(shown, key=lambda path: path.relative_to(root).as_posix())


def expand(source: str) -> str:
    """Put in what variables that begin with BRNB_ hold; raises ValueError for any other."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("BRNB_")}
    try:
        return Template(source).substitute(ours)
    except KeyError as error:
        name = error.args[0]
        if not name.startswith("BRNB_"):
            raise ValueError(
                f"corpus {source!r}: only variables that begin with BRNB_ are expanded; "
                f"set one: export BRNB_DATA=/folder/of/the/data"
            ) from None
        raise ValueError(
            f"corpus {source!r}: the environment variable {name} is not set; "
            f"set it first: export {name}=/folder/of/the/data"
        ) from None
    except ValueError:
        raise ValueError(f"corpus {source!r}: write a literal dollar sign as $$") from None


_Record = tuple[str, int, Row]  # label of the file, 1-based line, the row or why there is none


def _records(source: str, documents: int | None, seed: int) -> Iterator[_Record]:
    files = _named_files(source)  # first, so that a wrong source fails here
    source = expand(source)
    if source == "sample":
        if documents is None:
            raise ValueError("the embedded sample has no end: set documents to a number")
        from brnb.text import sample

        for number, invented in enumerate(sample.documents(documents, seed), 1):
            yield source, number, invented
    elif source.startswith("hf:"):
        for number, streamed in enumerate(hub_rows(source, "corpus"), 1):
            yield source, number, streamed
    for path, label in files:
        for number, row in rows_of(path):
            yield label, number, row


def _documents(records: Iterator[_Record], quarantine: Quarantine) -> Iterator[Document]:
    for label, line, row in records:
        try:
            if isinstance(row, Malformed):
                raise row
            document = _document(row, label, line)
        except Malformed as problem:
            quarantine.add(label, line, problem)
        else:
            quarantine.good += 1
            yield document


def _document(row: Mapping[str, Any], label: str, line: int) -> Document:
    """Make a document of a record in either schema; raises Malformed."""
    try:
        body = next((row[k] for k in ("text", "content", "raw_content") if row.get(k)), None)
        title = row.get("title") or ""
        if isinstance(body, Mapping):
            title = title or body.get("title") or ""
            body = _paragraphs(body.get("paragraphs"))
        if body is None:
            raise Malformed("no text")
        name = next((row[k] for k in ("doc_id", "id") if row.get(k) is not None), f"{label}:{line}")
        text = _checked(body, "text")
        if not text.strip():
            raise Malformed("no text")
        register = row.get("register") or _stem(label)
        return Document(
            _checked(str(name), "doc_id"),
            _checked(title, "title"),
            text,
            label,
            _checked(register, "register"),
        )
    except Malformed as problem:
        record = json.dumps(row, ensure_ascii=True, default=str)
        raise Malformed(problem.reason, record) from None


def _stem(label: str) -> str:
    """The name of a file without its suffixes: ``novels`` of ``pt/novels.jsonl.gz``."""
    return label.rpartition("/")[2].partition(".")[0]


def _paragraphs(paragraphs: object) -> str:
    """Join BrWaC's sentences: one paragraph a line."""
    if not isinstance(paragraphs, list) or not all(isinstance(p, list) for p in paragraphs):
        raise Malformed("text.paragraphs is not a list of lists of sentences")
    try:
        lines = [" ".join(sentences) for sentences in paragraphs]
    except TypeError:
        raise Malformed("a sentence is not a string") from None
    return "\n".join(line.replace("\r", " ").replace("\n", " ") for line in lines)


def _checked(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{field} is not a string")
    if "\0" in value:
        raise Malformed(f"NUL character in {field}")
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON can escape half a character: "\ud83d"
        raise Malformed(f"lone surrogate in {field}") from None
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return nfc(value)
    except ValueError as error:
        raise Malformed(f"{error} in {field}") from None


def hub_rows(source: str, what: str) -> Iterator[Mapping[str, Any]]:
    """Stream a dataset of the hub, ``"hf:name:split"``; `what` is the parameter that names it."""
    import datasets

    name, _, split = source.removeprefix("hf:").partition(":")
    try:
        yield from datasets.load_dataset(name, split=split or "train", streaming=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConnectionError(
            f"{what} {source!r} could not be streamed ({type(error).__name__}: {error})\n"
            "  check the name and the split, and HF_TOKEN if access is restricted;\n"
            f"  offline, give the file or folder of a local copy as {what}"
        ) from error
