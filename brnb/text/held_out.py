"""Validation and test texts as they are read: apart from training, and in the order of a draw.

What a chapter takes are the first documents of a split. They are a random sample of it, in which
every register has its share, because the splits are written in an order that hashes decide: the
place of a document within its register, as a share of the register.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from brnb.text.finished import CLEANINGS, Document, read_documents_of, split_file
from brnb.text.hashing import fraction
from brnb.text.overlap import Overlap

HELD_OUT = ("test", "validation")  # the one to be kept whole first


def part_held_out(folder: Path, seed: int, threshold: float) -> dict[str, list[int]]:
    """Take near-duplicates out of the held-out splits and write the rest in the order of a draw.

    A document of test goes if it overlaps with one of training, one of validation if it does with
    one of either. Texts are compared in the early form, in which case and digits do not count.

    Parameters
    ----------
    folder
        Of a corpus; 8 bytes a word of the held-out splits are held in memory.
    seed
        Of the draw.
    threshold
        Jaccard index of word 5-grams (`brnb.text.overlap`) from which two texts overlap.

    Returns
    -------
    dict
        Places of the documents taken out, in the order in which the splits stood, by split.
    """
    documents = {split: list(_read(folder, split)) for split in HELD_OUT}
    repeated = near_duplicates(
        (document.text for document in _read(folder, "train")),
        [document.text for document in documents["test"]],
        [document.text for document in documents["validation"]],
        threshold,
    )
    for split, gone in zip(HELD_OUT, repeated, strict=True):
        order = [place for place in drawn_order(documents[split], seed) if place not in gone]
        for cleaning in CLEANINGS:
            _rewrite(folder / split_file(cleaning, split), order)
    return {split: sorted(gone) for split, gone in zip(HELD_OUT, repeated, strict=True)}


def near_duplicates(
    train: Iterable[str], test: list[str], validation: list[str], threshold: float
) -> tuple[set[int], set[int]]:
    """Places in `test` and in `validation` of texts that overlap with one further from them."""
    known = Overlap([*test, *validation], threshold)
    count = len(test)
    gone = {place for text in train for place in known.all(text)}
    gone |= {
        count + place
        for place, text in enumerate(validation)
        if any(other < count for other in known.all(text))
    }
    return {place for place in gone if place < count}, {p - count for p in gone if p >= count}


def drawn_order(documents: list[Document], seed: int) -> list[int]:
    """Places of documents so that the first n of them are a sample of n, stratified by register.

    Within a register the order is that of hashes of the texts; registers are interleaved in
    proportion to their number of documents.
    """
    members: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for place, document in enumerate(documents):
        hashed = fraction(document.text.encode(), seed, b"evaluate")
        members[document.register].append((hashed, place))
    sizes = Counter({register: len(drawn) for register, drawn in members.items()})
    ranked = [
        ((rank + 0.5) / sizes[register], hashed, place)
        for register, drawn in members.items()
        for rank, (hashed, place) in enumerate(sorted(drawn))
    ]
    return [place for *_, place in sorted(ranked)]


def _read(folder: Path, split: str) -> Iterable[Document]:
    return read_documents_of(folder, split_file("early", split))


def _rewrite(path: Path, order: list[int]) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[place] for place in order))
