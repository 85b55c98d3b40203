"""Overlap of test items with what models were trained on: prompts, and documents that hold them."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from brnb.extrinsic.testsets import Item
from brnb.finetune import data
from brnb.finetune.pairs import lineage, pairs_of
from brnb.text import finished
from brnb.text.finished import Document
from brnb.text.hashing import hash64
from brnb.text.overlap import Overlap

PROMPT_KINDS = ("exact", "normalised", "near_duplicate")
TEXT_KINDS = (*PROMPT_KINDS, "document")

WORDS, SHARE = 8, 0.7
"""A text stands in documents if they hold this share of its runs of so many words (the measure of
Chowdhery et al., 2022, "PaLM", section 8)."""

Pool = Mapping[str, Sequence[Item]]
"""Items by task."""


class Seen:
    """The prompts that training has read; says how a new one overlaps with them.

    Parameters
    ----------
    texts
        Of all splits that the adaptation used.
    threshold
        Jaccard index of character 5-grams, in (0, 1], from which two texts are near-duplicates.
        Characters, not words: one word more leaves a short question no word 5-gram in common.
    """

    def __init__(self, texts: Iterable[str], threshold: float) -> None:
        texts = list(texts)
        self._exact = {_hash(text) for text in texts}
        plain = dict.fromkeys(map(normalised, texts))
        self._normalised = {_hash(text) for text in plain}
        self._near = Overlap(map(_spelt, plain), threshold)

    def overlap(self, text: str) -> str | None:
        """The closest kind of overlap with a prompt, of `PROMPT_KINDS`; None if there is none."""
        if _hash(text) in self._exact:
            return "exact"
        plain = normalised(text)
        if _hash(plain) in self._normalised:
            return "normalised"
        return None if self._near.of(_spelt(plain)) is None else "near_duplicate"


def exclude(
    pool: Pool, seen: Seen, documents: Iterable[str]
) -> tuple[dict[str, list[Item]], dict[str, Counter[str]]]:
    """The items that training has not read, by task.

    Parameters
    ----------
    pool
        The items.
    seen
        The prompts of fine-tuning.
    documents
        What was read as plain text; read once.

    Returns
    -------
    clean, excluded
        The items to keep; and how many were left out by each of `TEXT_KINDS`, the first that
        applies.
    """
    held = held_by(documents, {core(item) for items in pool.values() for item in items})
    clean: dict[str, list[Item]] = {}
    excluded: dict[str, Counter[str]] = {}
    for task, items in pool.items():
        in_document = ("document" if core(item) in held else None for item in items)
        kinds = [seen.overlap(i.prompt) or kind for i, kind in zip(items, in_document, strict=True)]
        clean[task] = [item for item, kind in zip(items, kinds, strict=True) if kind is None]
        excluded[task] = Counter({name: kinds.count(name) for name in TEXT_KINDS})
    return clean, excluded


def read_by(base: str, folder: Callable[[str], Path]) -> Iterator[str]:
    """The texts that a base of ours was trained on; what another has read nobody says.

    Parameters
    ----------
    base
        As the parameters of the training name it: ``run:<id>`` is ours.
    folder
        Of a run (`brnb.pipeline.Pipeline.folder`).
    """
    for run, params in lineage(base, folder):
        if "instructions" in params:
            yield from (f"{pair.text}\n{pair.output}" for pair in pairs_of(folder(run)))
        elif "documents" in params:
            yield from (d.text for d in data.read_split(folder(run), "train", Document))
        else:
            yield from finished.texts(folder("corpus"), params["cleaning"], "train")


def core(item: Item) -> str:
    """What of a prompt a document could hold: the longer of instruction and input."""
    return max(item.instruction, item.input, key=len)


def held_by(documents: Iterable[str], texts: Iterable[str]) -> set[str]:
    """The texts that stand in documents, whole or for the most part.

    Case, accents and punctuation aside. Of a text that is shorter than `WORDS` words, its one run
    counts.
    """
    runs: dict[str, set[str]] = {}
    for text in texts:
        words = normalised(text).split()
        runs[text] = _runs(words, min(WORDS, len(words)))
    wanted: dict[int, set[str]] = defaultdict(set)
    for run in set().union(*runs.values()):
        wanted[run.count(" ") + 1].add(run)
    seen = set[str]()
    for document in documents:
        words = normalised(document).split()
        for size, those in wanted.items():
            seen |= those & _runs(words, size)
    return {
        text
        for text, runs_of_text in runs.items()
        if runs_of_text and len(runs_of_text & seen) >= SHARE * len(runs_of_text)
    }


def _runs(words: Sequence[str], size: int) -> set[str]:
    return {" ".join(words[i : i + size]) for i in range(len(words) - size + 1)} if size else set()


def normalised(text: str) -> str:
    """Letters and digits alone: lower case, without accents, words one blank apart."""
    # before, for a mathematical capital has no small form; after, for some small forms are composed
    small = unicodedata.normalize("NFKD", text).casefold()
    spread = unicodedata.normalize("NFKD", small)
    letters = (c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in spread)
    return " ".join("".join(letters).split())


def _spelt(plain: str) -> str:
    """Spell a text with blanks between its characters: `Overlap` counts runs of words."""
    return " ".join(plain.replace(" ", "_"))


def _hash(text: str) -> int:
    return hash64(text.encode("utf-8", "surrogatepass"))
