"""A corpus as one row of token ids on disk."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brnb.fingerprint import digest
from brnb.progress import Bar
from brnb.receipt import Artefact, describe, write_json
from brnb.text import finished
from brnb.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer
    from brnb.train.params import TrainParams


@dataclass(frozen=True)
class TokenRow:
    """Documents one after the other as token ids, each closed by the end-of-document token.

    Attributes
    ----------
    ids
        Token ids, shape (N,), uint16 or uint32, mapped from disk.
    documents
        How many documents.
    document_bytes
        UTF-8 bytes of each document, plus one for its end: what bits per byte divide by, the same
        for every tokenizer. Shape (documents,), uint32, mapped from disk.
    """

    ids: np.ndarray
    documents: int
    document_bytes: np.ndarray

    @property
    def text_bytes(self) -> int:
        """Bytes of all documents."""
        return int(self.document_bytes.sum(dtype=np.int64))


def encode(texts: Iterable[str], tokenizer: "Tokenizer", path: Path, identity: str) -> TokenRow:
    """Write documents as token ids to `path`, once; later calls map the file.

    Parameters
    ----------
    texts
        The documents; consumed as a stream, in chunks.
    tokenizer
        Any tokenizer; ids of fewer than 2^16 pieces take two bytes.
    path
        File without suffix; ``.ids``, ``.bytes`` and ``.json`` are added.
    identity
        Names text and tokenizer: rows of another identity are encoded again, and so are files
        that are not as they were written.

    Raises
    ------
    ValueError
        If there is no text.
    """
    data, sizes, note = (path.with_suffix(suffix) for suffix in (".ids", ".bytes", ".json"))
    dtype = np.dtype(np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32)
    if not _holds(note, identity, data, sizes):
        note.unlink(missing_ok=True)  # first: from now on nobody vouches for what lies here
        if not _encode(texts, tokenizer, data, sizes, dtype):
            raise ValueError(f"no documents to encode into {path}: is the corpus empty?")
        files = {file.name: describe(file).model_dump() for file in (data, sizes)}
        write_json(note, {"identity": identity, "files": files})
    # "c": copy on write, because torch warns of arrays that cannot be written; nobody writes.
    ids, document_bytes = np.memmap(data, dtype, "c"), np.memmap(sizes, np.uint32, "c")
    return TokenRow(ids, len(document_bytes), document_bytes)


def _holds(note: Path, identity: str, *files: Path) -> bool:
    """Whether the files are those of this identity, byte for byte, as the note says."""
    try:
        known = json.loads(note.read_text("utf-8"))
        if known["identity"] != identity:
            return False
        listed = {name: Artefact(**entry) for name, entry in known["files"].items()}
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError, AttributeError):
        print(f"{note} is damaged; encoding the text again")
        return False
    for file in files:
        if not file.is_file() or describe(file) != listed.get(file.name):
            print(f"{file} is damaged (its SHA-256 differs); encoding the text again")
            return False
    return True


def _encode(
    texts: Iterable[str], tokenizer: "Tokenizer", data: Path, sizes: Path, dtype: np.dtype
) -> int:
    """Write both files; returns the number of documents."""
    documents = 0
    data.parent.mkdir(parents=True, exist_ok=True)
    partial = {file: file.with_name(f"{file.name}.partial") for file in (data, sizes)}
    progress = Bar(desc=f"tokens · {data.stem}", unit="document", mininterval=1.0)
    with partial[data].open("wb") as f, partial[sizes].open("wb") as g, progress:
        for chunk in _chunks(iter(texts), 1000):
            for ids in tokenizer.encode_batch(chunk):
                np.asarray([*ids, tokenizer.eos_id], dtype=dtype).tofile(f)
            np.asarray([len(text.encode()) + 1 for text in chunk], dtype=np.uint32).tofile(g)
            documents += len(chunk)
            progress.update(len(chunk))
        for stream in (f, g):  # on disk before the note says so
            stream.flush()
            os.fsync(stream.fileno())
    for file, written in partial.items():
        written.replace(file)
    return documents


def _chunks(texts: Iterator[str], size: int) -> Iterator[list[str]]:
    while chunk := list(islice(texts, size)):
        yield chunk


@dataclass(frozen=True)
class Rows:
    """What a training reads: its tokenizer, its two rows, and a name for their content."""

    tokenizer: "Tokenizer"
    train: TokenRow
    validation: TokenRow
    identity: str


def load_rows(corpora: Path, tokenizers: Path, params: "TrainParams", work: Path) -> Rows:
    """Encode the corpus of a run, or map what an earlier call encoded.

    Parameters
    ----------
    corpora
        Folder of run ``corpus``.
    tokenizers
        Folder of run ``tokenizer``: one folder a tokenizer.
    params
        Name the tokenizer, the cleaning, and how many validation documents to use.
    work
        The run's own folder for caches.

    Raises
    ------
    FileNotFoundError
        If there is no such tokenizer; names those that exist.
    """
    folder = tokenizers / params.tokenizer
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in tokenizers.iterdir() if path.is_dir()))
        raise FileNotFoundError(
            f"no tokenizer {params.tokenizer!r} in {tokenizers}; known: {known}"
        )
    tokenizer = load_tokenizer(folder)
    form = {p.name: describe(p).sha256 for p in sorted(folder.iterdir()) if p.is_file()}
    text = {
        split: describe(corpora / params.cleaning / f"{split}.jsonl").sha256
        for split in ("train", "validation")
    }
    held_out = finished.texts(corpora, params.cleaning, "validation")
    return Rows(
        tokenizer,
        encode(
            finished.texts(corpora, params.cleaning, "train"),
            tokenizer,
            work / "train",
            digest([form, text["train"]]),
        ),
        encode(
            islice(held_out, params.validation_documents),
            tokenizer,
            work / "validation",
            digest([form, text["validation"], params.validation_documents]),
        ),
        digest([form, text]),
    )
