"""Documents, and the splits of a finished corpus, read back as streams.

Apart from `brnb.text.corpus`, which makes them: a training depends on the text that it reads, not
on the code that once cleaned it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLEANINGS = ("early", "v6")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Document:
    """A document: `text` is NFC-normalised, one paragraph a line; `source` names where it stood.

    `register` is the kind of text: law, novels, manuals.
    """

    doc_id: str
    title: str
    text: str
    source: str
    register: str = ""


def corpus_documents(folder: Path, cleaning: str, split: str) -> Iterator[Document]:
    """Stream the documents of a finished corpus.

    Parameters
    ----------
    folder
        Where `brnb.text.corpus.build` wrote it.
    cleaning
        One of `CLEANINGS`.
    split
        One of `SPLITS`.

    Raises
    ------
    ValueError
        An unknown cleaning or split.
        Or a damaged line; names it.
    FileNotFoundError
        There is no finished corpus in `folder`.
    """
    if cleaning not in CLEANINGS or split not in SPLITS:
        raise ValueError(
            f"no part {cleaning}/{split} in a corpus: "
            f"cleaning is one of {', '.join(CLEANINGS)}, split one of {', '.join(SPLITS)}"
        )
    if not (folder / "report.json").is_file():
        raise FileNotFoundError(
            f"{folder}: no finished corpus here (report.json is missing); "
            "run notebooks/02_corpus.ipynb first"
        )
    yield from read_documents_of(folder, split_file(cleaning, split))


def read_documents_of(folder: Path, path: str) -> Iterator[Document]:
    """Stream the documents of one file of a corpus, finished or not; a damaged line is named."""
    with (folder / path).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                document = Document(**json.loads(line), source=path)
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(f"{folder / path}:{number}: a damaged line ({error})") from None
            yield document


def texts(folder: Path, cleaning: str, split: str) -> Iterator[str]:
    """Stream the texts of a finished corpus; as `corpus_documents`."""
    return (document.text for document in corpus_documents(folder, cleaning, split))


def split_file(cleaning: str, split: str) -> str:
    """Path of a split in the corpus folder."""
    return f"{cleaning}/{split}.jsonl"
