"""What Track 2 learns from: documents and instruction pairs, drawn, split and kept apart.

Draws and splits depend on the seed and the texts alone, never on their order or number.
"""

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from brnb.atomic import write_atomic
from brnb.finetune.params import CptParams
from brnb.text import finished
from brnb.text.finished import SPLITS, Document
from brnb.text.hashing import fraction
from brnb.text.overlap import split_apart

if TYPE_CHECKING:
    from brnb.text.pairs import Pair

T = TypeVar("T", Document, "Pair")


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


def read_split(folder: Path, split: str, kind: type[T]) -> list[T]:
    """Items of a split as `Splits.write` left them; a damaged line is named in the error."""
    path, items = folder / f"{split}.jsonl", list[T]()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                items.append(kind(**json.loads(line)))
            except (ValueError, TypeError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: a damaged line ({error})") from None
    return items


def draw_documents(corpus: Path, params: CptParams) -> Splits[Document]:
    """Draw documents from the splits of a finished corpus; the test split is left alone.

    Training documents that overlap with one of validation are left out and counted. A base of ours
    was trained on the training split: what it has not seen is drawn from the validation split,
    both for training and, apart from that, for validation.

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

    def some(split: str, count: int | None) -> list[Document]:
        where = f"{split} split of the corpus; lower documents or validation_documents"
        documents = finished.corpus_documents(corpus, params.cleaning, split)
        return draw(documents, count, params.seed, where)

    held_out, wanted = params.validation_documents, params.documents
    if params.documents_from == "train":
        splits = Splits(some("train", wanted), some("validation", held_out), [])
    else:
        assert held_out is not None  # the parameters have seen to it
        unseen = some("validation", None if wanted is None else wanted + held_out)
        splits = Splits(unseen[held_out:], unseen[:held_out], [])
    keep_apart(splits, params.near_duplicate)
    return splits


def draw(items: Iterable[T], count: int | None, seed: int, where: str) -> list[T]:
    """The `count` items whose texts have the smallest hashes, in that order; None: all."""
    ranked = ((fraction(item.text.encode(), seed, b"finetune"), item.text, item) for item in items)
    least = sorted if count is None else partial(heapq.nsmallest, count)
    chosen = [item for *_, item in least(ranked, key=itemgetter(0, 1))]
    if not chosen or (count is not None and len(chosen) < count):
        raise ValueError(f"asked for {count or 'all'}, there are {len(chosen)}: {where}")
    return chosen


def keep_apart(splits: Splits[T], threshold: float, before: Sequence[str] = ()) -> None:
    """Leave out what overlaps with a split further from training, or with what was read before."""
    order = ("test", "validation", "train")
    texts: list[Sequence[str]] = [before]
    texts += ([item.text for item in getattr(splits, split)] for split in order)
    kept, removed = split_apart(texts, threshold)
    for split, places, lost in zip(order, kept[1:], removed[1:], strict=True):
        items = getattr(splits, split)
        setattr(splits, split, [items[place] for place in places])
        if split != "test" or before:
            splits.removed[f"overlap_{split}"] = lost
