"""Build a corpus in one pass: read, clean, drop duplicates, split, write (thesis 4.3.1.1).

A finished corpus is a folder::

    {early,v6}/{train,validation,test}.jsonl   doc_id, title, register, text; the same documents
                                               in both, of validation and test in drawn order
    quarantine.jsonl                           malformed records
    report.json                                `CorpusReport`, written last

Sample and split are decided by hashes of the seed and the text alone: they do not change with
the order, the number or the names of the documents. Only the parts of one work, where ids tell
them, are split by the name of the work. From the held-out splits go near-duplicates of training
documents (`brnb.text.held_out`).
"""

import contextlib
import json
import os
import re
import shutil
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from brnb.progress import Bar
from brnb.text.clean import RULES, Removed, clean_text, zero_digits
from brnb.text.finished import CLEANINGS, SPLITS, Document, read_documents_of, split_file
from brnb.text.hashing import HashSet, fraction, hash64
from brnb.text.held_out import part_held_out
from brnb.text.params import CorpusParams
from brnb.text.personal_data import IDENTIFIER_KINDS, mask
from brnb.text.reader import Quarantine, read_documents

LENGTH_EDGES = tuple(round(10 ** (step / 10)) for step in range(10, 71))
"""Edges of the length histograms, in characters: ten bins a decade, from 10 to 10 million."""

NEAR_DUPLICATE = "near_duplicate"  # of a document further from the test split, left out

_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(slots=True)
class Amount:
    """An amount of text: `characters` without line breaks, `bytes` of UTF-8 with them."""

    documents: int = 0
    lines: int = 0
    characters: int = 0
    bytes: int = 0

    def add(self, other: "Amount", times: int = 1) -> None:
        """Add another amount; -1 times takes it away."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + times * getattr(other, name))


@dataclass(slots=True)
class CorpusReport:
    """What was read, removed and kept.

    Attributes
    ----------
    documents_read, characters_read
        Documents of the source and their text, before sampling and cleaning.
    malformed
        Records in quarantine, by reason.
    documents_sampled
        Those that the sample share took; all other counts are of these.
    removed
        By rule (`brnb.text.clean.RULES`). The line rules come first: what is counted for a
        duplicate document is what they left of it.
    kept
        By cleaning, then by split.
    personal_data
        Pieces of it in the documents kept, by kind (`brnb.text.personal_data`), masked or not.
    lengths_read, lengths_kept
        Documents by number of characters, before cleaning and in the v6 form: bin i counts
        lengths in [LENGTH_EDGES[i - 1], LENGTH_EDGES[i]); the first and last bins are open.
    """

    documents_read: int = 0
    characters_read: int = 0
    malformed: dict[str, int] = field(default_factory=dict)
    documents_sampled: int = 0
    removed: dict[str, Removed] = field(
        default_factory=lambda: {rule: Removed() for rule in (*RULES, NEAR_DUPLICATE)}
    )
    kept: dict[str, dict[str, Amount]] = field(
        default_factory=lambda: {c: {s: Amount() for s in SPLITS} for c in CLEANINGS}
    )
    personal_data: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(IDENTIFIER_KINDS, 0)
    )
    registers: dict[str, dict[str, Amount]] = field(default_factory=dict)
    lengths_read: list[int] = field(default_factory=lambda: [0] * (len(LENGTH_EDGES) + 1))
    lengths_kept: list[int] = field(default_factory=lambda: [0] * (len(LENGTH_EDGES) + 1))

    @property
    def documents_kept(self) -> int:
        """Documents kept, over all splits."""
        return sum(amount.documents for amount in self.kept["v6"].values())


def build(folder: Path, params: CorpusParams, progress: bool = True) -> CorpusReport:
    """Write the corpus of `params` into `folder`; memory does not grow with the text.

    The work is done in ``folder/partial`` and moved into place when complete; a build that fails
    leaves its quarantine there and an earlier corpus as it was. The hashes of the documents seen
    are held (`HashSet`: 12 to 24 bytes a document), and in the end the held-out splits, which a
    second pass over the training text compares with it: give them small shares of a large corpus.

    Parameters
    ----------
    folder
        Made if it does not exist; an earlier corpus in it is replaced.
    params
        The chapter's parameters.
    progress
        Show characters read, and a second, on standard error, every 5 s.

    Raises
    ------
    ValueError
        Too many malformed records, no document left, or none in some split; and as
        `read_documents`.
    FileNotFoundError, ConnectionError
        As `read_documents`.
    """
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    for cleaning in CLEANINGS:
        (partial / cleaning).mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        files = {
            path: stack.enter_context((partial / path).open("wb", buffering=2**20))
            for path in _paths()
        }
        quarantine = stack.enter_context(
            Quarantine(partial / "quarantine.jsonl", params.max_malformed_share)
        )
        documents = read_documents(
            params.corpus, documents=params.documents, seed=params.seed, quarantine=quarantine
        )
        report = _read_all(documents, _Pass(params, files), progress)
        quarantine.check()
    report.malformed = dict(sorted(quarantine.reasons.items()))
    _part(partial, report, params)
    _require_documents(report, params)
    content = json.dumps(asdict(report), ensure_ascii=False, indent=2) + "\n"
    (partial / "report.json").write_text(content, encoding="utf-8", newline="\n")
    _publish(partial, folder)
    return report


def _part(partial: Path, report: CorpusReport, params: CorpusParams) -> None:
    """Take near-duplicates out of the held-out splits, and out of what is counted as kept."""
    files = [split_file(c, split) for c in CLEANINGS for split in ("test", "validation")]
    before = {path: list(read_documents_of(partial, path)) for path in files}
    gone = part_held_out(partial, params.seed, params.near_duplicate)
    for split, places in gone.items():
        for cleaning in CLEANINGS:
            documents = before[split_file(cleaning, split)]
            for place in places:
                amount = _amount(documents[place].text)
                report.kept[cleaning][split].add(amount, -1)
                if cleaning == "v6":
                    report.registers[documents[place].register][split].add(amount, -1)
                    removed = Removed(1, amount.lines, amount.characters)
                    report.removed[NEAR_DUPLICATE].add(removed)


def _amount(text: str) -> Amount:
    breaks = text.count("\n")
    return Amount(1, breaks + 1, len(text) - breaks, len(text.encode()))


def _paths() -> list[str]:
    return [split_file(cleaning, split) for cleaning in CLEANINGS for split in SPLITS]


class _Pass:
    """What one build carries from document to document: counts, files, hashes of those seen."""

    def __init__(self, params: CorpusParams, files: Mapping[str, BinaryIO]) -> None:
        self.report = CorpusReport()
        self._files = files
        self._seen = HashSet()
        self._seed, self._share = params.seed, params.sample_share
        self._min_chars, self._min_letters = params.min_chars, params.min_letters
        self._test, self._validation = params.test_share, params.validation_share
        self._mask = params.mask_personal_data
        self._registers = {name: re.compile(text) for name, text in params.registers.items()}
        self._part = re.compile(params.part) if params.part else None

    def take(self, document: Document) -> None:
        """Sample, clean, compare, split and write one document."""
        self.report.documents_read += 1
        self.report.characters_read += len(document.text)
        if self._share < 1 and self._left_out(document.text):
            return
        self.report.documents_sampled += 1
        self.report.lengths_read[bisect_right(LENGTH_EDGES, len(document.text))] += 1
        text, personal = mask(self._clean(document.text), self._mask)
        data = text.encode()
        if text and self._is_new(text, data):
            self.report.lengths_kept[bisect_right(LENGTH_EDGES, len(text))] += 1
            for kind, pieces in personal.items():
                self.report.personal_data[kind] += pieces
            self._write(document, text, data)

    def _left_out(self, text: str) -> bool:
        return fraction(text.encode(), self._seed, b"sample") >= self._share

    def _clean(self, raw: str) -> str:
        text, removed = clean_text(raw, self._min_chars, self._min_letters)
        if not text:
            removed["empty_document"] = Removed(documents=1)
        for rule, count in removed.items():
            self.report.removed[rule].add(count)
        return text

    def _is_new(self, text: str, data: bytes) -> bool:
        new = self._seen.add(hash64(data))
        if not new:
            breaks = text.count("\n")
            removed = Removed(1, breaks + 1, len(text) - breaks)
            self.report.removed["duplicate_document"].add(removed)
        return new

    def _write(self, document: Document, text: str, data: bytes) -> None:
        lowered = text.lower()
        lowered_data = lowered.encode()
        early = zero_digits(lowered_data)
        draw = fraction(self._unit(document, early), self._seed, b"split")
        held_out = self._test + self._validation
        split = "test" if draw < self._test else "validation" if draw < held_out else "train"
        title = mask(document.title, self._mask)[0]
        register = self._register(document)
        named = {"doc_id": document.doc_id, "title": title, "register": register}
        head = _encode(named)[:-1].encode()
        # Every pass over the text costs: what both forms share is found once.
        breaks = text.count("\n")
        early_length = len(lowered) - (len(lowered_data) - len(early))
        for cleaning, form, length in (("early", early, early_length), ("v6", data, len(text))):
            line = b'%b, "text": %b}\n' % (head, _json_string(form))
            self._files[split_file(cleaning, split)].write(line)
            amount = Amount(1, breaks + 1, length - breaks, len(form))
            self.report.kept[cleaning][split].add(amount)
        self.report.registers.setdefault(register, {s: Amount() for s in SPLITS})[split].add(amount)

    def _unit(self, document: Document, early: bytes) -> bytes:
        """What is split as a whole: a work, or the early form of a text, so that documents which
        differ only in case or digits stay on one side."""
        part = self._part.search(document.doc_id) if self._part else None
        return document.doc_id[: part.start()].encode() if part else early

    def _register(self, document: Document) -> str:
        """The first register whose expression matches what the source calls it, or just that."""
        said = document.register
        return next((name for name, text in self._registers.items() if text.search(said)), said)


def _json_string(data: bytes) -> bytes:
    """JSON of a cleaned text in UTF-8; as json.dumps, in a third of its time.

    A cleaned text has no control characters but newlines.
    """
    escaped = data.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\n", rb"\n")
    return b'"' + escaped + b'"'


def _read_all(documents: Iterator[Document], one_pass: _Pass, progress: bool) -> CorpusReport:
    with Bar(desc="corpus", unit="character", mininterval=5, disable=not progress) as bar:
        for document in documents:
            one_pass.take(document)
            bar.update(len(document.text))
    return one_pass.report


def _require_documents(report: CorpusReport, params: CorpusParams) -> None:
    source = f"corpus {params.corpus!r}"
    if not report.documents_read:
        raise ValueError(f"{source}: no document in it; check that the files are not empty")
    if not report.documents_kept:
        counts = ", ".join(f"{rule} {r.lines}" for rule, r in report.removed.items() if r.lines)
        raise ValueError(
            f"{source}: nothing left of {report.documents_read} documents, "
            f"{report.documents_sampled} in the sample (lines removed: {counts}); "
            "lower min_chars or min_letters, or raise sample_share"
        )
    for split, amount in report.kept["v6"].items():
        if not amount.documents:
            raise ValueError(
                f"{source}: none of {report.documents_kept} documents fell into {split}; "
                f"raise {'documents' if split == 'train' else f'{split}_share or documents'}"
            )


def _publish(partial: Path, folder: Path) -> None:
    """Move a complete corpus into place; without its report it does not count as finished."""
    (folder / "report.json").unlink(missing_ok=True)
    for cleaning in CLEANINGS:
        (folder / cleaning).mkdir(exist_ok=True)
    for path in [*_paths(), "quarantine.jsonl", "report.json"]:
        os.replace(partial / path, folder / path)
    shutil.rmtree(partial)
