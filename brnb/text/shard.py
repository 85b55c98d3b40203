"""One shard of a large source: one input file, cleaned by itself, later written without duplicates.

Every step is a function of the file and the rules alone, so that shards may be cleaned in any
order, by any process. A shard is cleaned if its note says so: the note is written last, and names
the code, the rules and the content of the input file that it was made from.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brnb.atomic import write_json
from brnb.fingerprint import digest, reached
from brnb.receipt import describe
from brnb.text.clean import Removed, clean_text, zero_digits
from brnb.text.finished import Document
from brnb.text.hashing import hash64
from brnb.text.language import language
from brnb.text.near_duplicates import BANDS, band_keys
from brnb.text.personal_data import mask
from brnb.text.reader import Quarantine, read_documents
from brnb.text.shard_report import ShardReport

_WRITTEN = [field.name for field in fields(Document) if field.name != "source"]


@dataclass(frozen=True)
class ShardRules:
    """What is removed from a source, and masked in it.

    Attributes
    ----------
    min_chars, min_letters
        As for `clean_text`.
    languages
        ISO 639-1 codes of the languages that stay (`brnb.text.language`); empty: all.
    near_duplicates
        Remove them (`brnb.text.near_duplicates`); exact ones go in any case.
    mask_personal_data
        Put ``[CPF]`` and the like in its place; it is counted in any case.
    """

    min_chars: int = 20
    min_letters: float = 0.5
    languages: tuple[str, ...] = ()
    near_duplicates: bool = True
    mask_personal_data: bool = False


@dataclass(frozen=True)
class Shard:
    """A shard's files: the input, those on the way (`file`), and the result.

    Attributes
    ----------
    source
        The input file.
    base
        Path of the files on the way, without suffix.
    result
        Where the shard goes without its duplicates.
    """

    source: Path
    base: Path
    result: Path

    def file(self, kind: str) -> Path:
        """``jsonl``: cleaned documents; ``npy``: their hash and band keys, shape (documents,
        1 + `BANDS`), uint64; ``quarantine``: malformed records; ``json``: the note; ``lock``."""
        return self.base.with_name(f"{self.base.name}.{kind}")

    def identity(self, way: str) -> str:
        """Names the content of the input file and the way in which it is cleaned (`way_of`)."""
        return digest([way, describe(self.source).sha256])

    def report(self, identity: str) -> ShardReport | None:
        """The report of the shard if it is cleaned, under this identity, else None."""
        try:
            note = json.loads(self.file("json").read_text("utf-8"))
            if note["identity"] != identity or note["files"] != self._contents():
                return None
            return ShardReport.from_json(note["report"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def clean(self, rules: ShardRules, identity: str) -> ShardReport:
        """Read, clean, scan and hash every document; the note comes last."""
        self.file("json").unlink(missing_ok=True)  # first: nobody vouches for what lies here now
        report, keys = ShardReport(), bytearray()
        with (
            self.file("jsonl").open("wb", 2**20) as out,
            Quarantine(self.file("quarantine"), max_share=1.0) as quarantine,
        ):
            source = str(self.source).replace("$", "$$")
            for document in read_documents(source, documents=None, seed=0, quarantine=quarantine):
                if cleaned := _cleaned(document, rules, report):
                    out.write(_line(cleaned))
                    keys += _keys(cleaned.text, rules).tobytes()
        report.malformed = dict(quarantine.reasons)
        np.save(self.file("npy"), np.frombuffer(keys, np.uint64).reshape(-1, 1 + BANDS))
        note = {"identity": identity, "files": self._contents(), "report": asdict(report)}
        write_json(self.file("json"), note)
        return report

    def _contents(self) -> list[str]:
        return [describe(self.file(kind)).sha256 for kind in ("jsonl", "npy", "quarantine")]

    def write(self, is_first: NDArray[np.bool_], stays: NDArray[np.bool_]) -> ShardReport:
        """Write the documents that stay; count them, and the others by why they go.

        Parameters
        ----------
        is_first
            Whether a document is the first of those that equal it, shape (documents,).
        stays
            Whether it stays.
        """
        report = ShardReport()
        partial = self.result.with_name(f"{self.result.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        with self.file("jsonl").open("rb") as lines, partial.open("wb", 2**20) as out:
            for line, first, stay in zip(lines, is_first.tolist(), stays.tolist(), strict=True):
                text = json.loads(line)["text"]
                if stay:
                    out.write(line)
                    report.documents_kept += 1
                    report.bytes_kept += len(text.encode())
                else:
                    rule = "near_duplicate_document" if first else "duplicate_document"
                    report.remove(rule, _all_of(text))
        partial.replace(self.result)
        return report


def way_of(rules: ShardRules) -> str:
    """Names the code and the rules that clean a shard."""
    return digest([reached([__name__]), asdict(rules)])


def _cleaned(document: Document, rules: ShardRules, report: ShardReport) -> Document | None:
    report.documents_read += 1
    report.bytes_read += len(document.text.encode())
    if rules.languages and language(document.text) not in rules.languages:
        report.remove("other_language", _all_of(document.text))
        return None
    text, removed = clean_text(document.text, rules.min_chars, rules.min_letters)
    for rule, what in removed.items():
        report.remove(rule, what)
    if not text:
        report.remove("empty_document", Removed(documents=1))
        return None
    text, personal = mask(text, rules.mask_personal_data)
    for kind, pieces in personal.items():
        report.personal_data[kind] = report.personal_data.get(kind, 0) + pieces
    title = mask(document.title, rules.mask_personal_data)[0]
    return replace(document, title=title, text=text)


def _all_of(text: str) -> Removed:
    breaks = text.count("\n")
    return Removed(1, breaks + 1, len(text) - breaks)


def _keys(text: str, rules: ShardRules) -> NDArray[np.uint64]:
    keys = np.zeros(1 + BANDS, np.uint64)
    keys[0] = hash64(text.encode())
    if rules.near_duplicates:
        keys[1:] = band_keys(zero_digits(text.lower().encode()))
    return keys


def _line(document: Document) -> bytes:
    values = {name: getattr(document, name) for name in _WRITTEN}
    return (json.dumps(values, ensure_ascii=False) + "\n").encode()
