"""What Track 2 learns from: documents and instruction pairs, drawn, split and kept apart.

Draws and splits depend on the seed and the texts alone, never on their order or number.
"""

import heapq
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Generic, TypeVar

from brnb.finetune.params import CptParams, SftParams
from brnb.receipt import write_atomic
from brnb.text import finished
from brnb.text.finished import SPLITS, Document
from brnb.text.formats import Malformed, Row, rows_of
from brnb.text.hashing import HashSet, fraction, hash64
from brnb.text.overlap import split_apart
from brnb.text.reader import hub_rows, input_files


@dataclass(frozen=True)
class Pair:
    """An instruction, the text that it is about (may be empty), and the answer."""

    key: str
    instruction: str
    input: str
    output: str

    @property
    def text(self) -> str:
        """What the user says: the instruction and, after a blank line, the input."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


T = TypeVar("T", Document, Pair)


@dataclass
class Splits(Generic[T]):
    """Items by split, and how many were left out, by reason."""

    train: list[T]
    validation: list[T]
    test: list[T]
    removed: dict[str, int] = field(default_factory=dict)

    def write(self, folder: Path) -> list[Path]:
        """Write each split that is not empty as ``<split>.jsonl``; returns the paths."""
        paths = []
        for split in (split for split in SPLITS if getattr(self, split)):
            items = getattr(self, split)
            lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items]
            paths.append(folder / f"{split}.jsonl")
            write_atomic(paths[-1], "".join(lines))
        return paths


def read(folder: Path, split: str, kind: type[T]) -> list[T]:
    """Items of a split as `Splits.write` left them."""
    with (folder / f"{split}.jsonl").open(encoding="utf-8", newline="\n") as lines:
        return [kind(**json.loads(line)) for line in lines]


def documents(corpus: Path, params: CptParams) -> Splits[Document]:
    """Draw documents from the splits of a finished corpus; the test split is left alone.

    Training documents that overlap with one of validation are left out and counted.

    Parameters
    ----------
    corpus
        Folder of run ``corpus``.
    params
        Name the cleaning, how many documents, the seed, and what overlaps.

    Raises
    ------
    ValueError
        If a split has fewer documents than asked for.
    """
    counts = {"train": params.documents, "validation": params.validation_documents}
    drawn = {
        split: _draw(
            finished.documents(corpus, params.cleaning, split),
            count,
            params.seed,
            f"{split} split of the corpus; lower documents or validation_documents",
        )
        for split, count in counts.items()
    }
    splits = Splits(drawn["train"], drawn["validation"], [])
    _keep_apart(splits, params.near_duplicate)
    return splits


def pairs(params: SftParams) -> Splits[Pair]:
    """Read, draw and split instruction pairs; the same prompt is never on both sides.

    Removed and counted: pairs without an answer, prompts that were there before, and what
    overlaps with a split that is further from training (test, then validation). The embedded
    sample comes with splits of its own, which hold out facts too.

    Raises
    ------
    ValueError
        If a record is malformed (names file and line), or there are fewer pairs than asked for.
    FileNotFoundError, ConnectionError
        If the source is not there.
    """
    seen, removed = HashSet(), Counter(empty_answer=0, duplicate_prompt=0)
    if params.instructions == "sample":
        splits = _sample(params)
        for split in ("test", "validation", "train"):
            setattr(splits, split, list(_usable(getattr(splits, split), seen, removed)))
    else:
        usable = _usable(read_pairs(params.instructions), seen, removed)
        where = f"{params.instructions}; lower pairs"
        found = _draw(usable, params.pairs, params.seed, where)
        test, held_out = _shares(len(found), params)
        splits = Splits(found[held_out:], found[test:held_out], found[:test])
    splits.removed = dict(removed)
    _keep_apart(splits, params.near_duplicate)
    return splits


def sources(instructions: str) -> list[Path]:
    """Local files behind a source of instruction pairs; none for ``sample`` and ``hf:``."""
    return input_files(instructions)


def _draw(items: Iterable[T], count: int | None, seed: int, where: str) -> list[T]:
    """The `count` items whose texts have the smallest hashes, in that order; None: all."""
    ranked = ((fraction(item.text.encode(), seed, b"finetune"), item.text, item) for item in items)
    least = sorted if count is None else partial(heapq.nsmallest, count)
    chosen = [item for *_, item in least(ranked, key=itemgetter(0, 1))]
    if not chosen or (count is not None and len(chosen) < count):
        raise ValueError(f"asked for {count or 'all'}, there are {len(chosen)}: {where}")
    return chosen


def _shares(count: int, params: SftParams) -> tuple[int, int]:
    """Where test ends and where validation ends among `count` pairs; each has one at least."""
    test = max(1, round(count * params.test_share))
    return test, test + max(1, round(count * params.validation_share))


def _sample(params: SftParams) -> Splits[Pair]:
    from brnb.text import sample

    if params.pairs is None:
        raise ValueError("the embedded sample has no end: set pairs to a number")
    tests, held_out = _shares(params.pairs, params)
    sizes = {"train": params.pairs - held_out, "validation": held_out - tests, "test": tests}
    train, validation, test = (
        [_pair(row, "sample", 0) for row in sample.instructions(sizes[split], params.seed, split)]
        for split in SPLITS
    )
    return Splits(train, validation, test)


def read_pairs(source: str) -> Iterator[Pair]:
    """Stream all pairs of a file, a folder or a data set of the hub."""
    if source.startswith("hf:"):
        for number, row in enumerate(hub_rows(source, "instructions"), 1):
            yield _pair(row, source, number)
    else:
        for path in input_files(source):
            for number, found in rows_of(path):
                yield _pair(found, path.name, number)


def _pair(row: Row, label: str, line: int) -> Pair:
    """One record as a pair; an error names where it stands."""
    if isinstance(row, Malformed):
        raise ValueError(f"{label}:{line}: {row.reason}; repair or remove the line")
    values = {name: row.get(name) or "" for name in ("instruction", "input", "output")}
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    wrong += [] if values["instruction"] else ["instruction"]
    if "output" not in row:
        wrong.append("output")
    if wrong:
        raise ValueError(
            f"{label}:{line}: {', '.join(wrong)} missing or not a text; an instruction pair has "
            "instruction, input (may be empty) and output"
        )
    try:
        "".join(values.values()).encode()
    except UnicodeEncodeError:  # JSON can escape half a character: "\ud83d"
        raise ValueError(f"{label}:{line}: lone surrogate; repair or remove the line") from None
    clean = {name: _clean(value) for name, value in values.items()}
    return Pair(key=str(row.get("id") or f"{label}:{line}"), **clean)


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return unicodedata.normalize("NFC", text).strip()


def _usable(found: Iterable[Pair], seen: HashSet, removed: Counter[str]) -> Iterator[Pair]:
    for pair in found:
        if not pair.output:
            removed["empty_answer"] += 1
        elif not seen.add(hash64(pair.text.casefold().encode())):
            removed["duplicate_prompt"] += 1
        else:
            yield pair


def _keep_apart(splits: Splits[T], threshold: float) -> None:
    """Leave out what overlaps with a split further from training; count it."""
    order = ("test", "validation", "train")
    texts = [[item.text for item in getattr(splits, split)] for split in order]
    kept, removed = split_apart(texts, threshold)
    for split, places, lost in zip(order, kept, removed, strict=True):
        items = getattr(splits, split)
        setattr(splits, split, [items[place] for place in places])
        if split != "test":
            splits.removed[f"overlap_{split}"] = lost
