"""A corpus as one row of token ids on disk."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brnb.atomic import write_json
from brnb.fingerprint import digest
from brnb.progress import Bar
from brnb.receipt import Artefact, describe
from brnb.text import finished
from brnb.tokenizers import load_tokenizer
from brnb.train.parts import ByteSpan, concatenate, spans, texts_in

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
    data, sizes, note = _files(path)
    dtype = np.dtype(np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32)
    if not _is_encoded(path, identity):
        note.unlink(missing_ok=True)  # first: from now on nobody vouches for what lies here
        if not _encode(texts, tokenizer, data, sizes, dtype):
            raise ValueError(f"no documents to encode into {path}: is the corpus empty?")
        _vouch(path, identity)
    # "c": copy on write, because torch warns of arrays that cannot be written; nobody writes.
    ids, document_bytes = np.memmap(data, dtype, "c"), np.memmap(sizes, np.uint32, "c")
    return TokenRow(ids, len(document_bytes), document_bytes)


def encode_file(file: Path, tokenizer: Path, path: Path, identity: str) -> TokenRow:
    """`encode` the documents of a corpus file; a large one in parts, by many processes.

    The bytes are those that `encode` writes. Every part of `brnb.train.parts.PART_BYTES` is a row
    of its own until all are there, so that parts that were done before a kill are not done again.
    As many processes work as OMP_NUM_THREADS says, or as there are cores.

    Parameters
    ----------
    file
        JSON lines with ``text``, as chapter 02 writes them.
    tokenizer
        Folder of the tokenizer.
    path, identity
        As for `encode`.

    Raises
    ------
    ValueError
        If there is no document, or a line is damaged; names the file and the byte.
    """
    cut = spans(file)
    if len(cut) > 1 and not _is_encoded(path, identity):
        folder = path.with_name(f"{path.name}.parts")
        folder.mkdir(parents=True, exist_ok=True)
        rows = [folder / f"{start}-{end}" for start, end in cut]
        tasks = repeat(file), cut, repeat(tokenizer), rows, repeat(identity)
        count = min(len(cut), int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
        with ProcessPoolExecutor(count, get_context("spawn")) as pool:
            for _ in Bar(
                pool.map(_encode_part, *tasks), desc=f"tokens · {path.name}", total=len(cut)
            ):
                pass
        *wanted, note = _files(path)
        note.unlink(missing_ok=True)
        for number, joined in enumerate(wanted):
            concatenate([_files(row)[number] for row in rows], joined)
        _vouch(path, identity)
        shutil.rmtree(folder)
    return encode(texts_in(file, (0, cut[-1][1])), load_tokenizer(tokenizer), path, identity)


def _encode_part(file: Path, span: ByteSpan, tokenizer: Path, path: Path, identity: str) -> None:
    encode(texts_in(file, span), load_tokenizer(tokenizer), path, identity)


def _files(path: Path) -> tuple[Path, Path, Path]:
    """Ids, bytes of the documents, and the note."""
    ids, sizes, note = (path.with_name(path.name + end) for end in (".ids", ".bytes", ".json"))
    return ids, sizes, note


def _vouch(path: Path, identity: str) -> None:
    *files, note = _files(path)
    listed = {file.name: describe(file).model_dump() for file in files}
    write_json(note, {"identity": identity, "files": listed})


def _is_encoded(path: Path, identity: str) -> bool:
    """Whether a row's files are those of this identity, byte for byte, as their note says."""
    *files, note = _files(path)
    try:
        known = json.loads(note.read_text("utf-8"))
        if known["identity"] != identity:
            return False
        listed = {name: Artefact(**entry) for name, entry in known["files"].items()}
    except FileNotFoundError:
        return False
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
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


@dataclass(frozen=True)
class ResultText:
    """What results are read on, of which nothing was learnt and nothing chosen.

    Attributes
    ----------
    row
        The drawn documents of the test split.
    registers
        Kind of text of each.
    """

    row: TokenRow
    registers: tuple[str, ...]


def load_rows(corpora: Path, tokenizers: Path, params: "TrainParams", work: Path) -> Rows:
    """Encode what a run trains and chooses on, or map what an earlier call encoded.

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
    tokenizer, form = hashed_tokenizer(tokenizers, params.tokenizer)
    text = {split: _content(corpora, params, split) for split in ("train", "validation")}
    held_out = finished.texts(corpora, params.cleaning, "validation")
    return Rows(
        tokenizer,
        encode_file(
            corpora / finished.split_file(params.cleaning, "train"),
            tokenizers / params.tokenizer,
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


@dataclass(frozen=True)
class HeldOutChoice:
    """Which held-out text to read: what `load_result_text` asks of the parameters of a run."""

    tokenizer: str
    cleaning: str
    validation_documents: int


def load_result_text(
    corpora: Path, tokenizers: Path, params: "TrainParams | HeldOutChoice", work: Path
) -> ResultText:
    """Encode as many documents of the test split as the run has of validation.

    The only way of a training run to the test split: it is read once the model is as it stays.
    Parameters are those of `load_rows`.
    """
    tokenizer, form = hashed_tokenizer(tokenizers, params.tokenizer)
    count = params.validation_documents
    drawn = list(islice(finished.corpus_documents(corpora, params.cleaning, "test"), count))
    row = encode(
        (document.text for document in drawn),
        tokenizer,
        work / "test",
        digest([form, _content(corpora, params, "test"), count]),
    )
    return ResultText(row, tuple(document.register for document in drawn))


def hashed_tokenizer(tokenizers: Path, name: str) -> tuple["Tokenizer", dict[str, str]]:
    """A tokenizer of a run, and the hashes of its files: its name may be that of another one.

    Raises
    ------
    FileNotFoundError
        If there is no such tokenizer; names those that exist.
    """
    folder = tokenizers / name
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in tokenizers.iterdir() if path.is_dir()))
        raise FileNotFoundError(f"no tokenizer {name!r} in {tokenizers}; known: {known}")
    form = {p.name: describe(p).sha256 for p in sorted(folder.iterdir()) if p.is_file()}
    return load_tokenizer(folder), form


def _content(corpora: Path, params: "TrainParams | HeldOutChoice", split: str) -> str:
    return describe(corpora / finished.split_file(params.cleaning, split)).sha256
