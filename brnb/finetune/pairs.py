"""The instruction pairs of a supervised fine-tuning: drawn, split and kept apart."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from brnb import receipt
from brnb.bases.locate import RUN
from brnb.finetune.data import Splits, draw, keep_apart, read_split
from brnb.finetune.params import SftParams
from brnb.text.finished import SPLITS
from brnb.text.hashing import HashSet, hash64
from brnb.text.pairs import Pair, as_pair, read_pairs
from brnb.text.reader import input_files


def draw_pairs(params: SftParams, before: Iterable[str] = ()) -> Splits[Pair]:
    """Read, draw and split instruction pairs; the same prompt is never on both sides.

    Removed and counted: pairs without an answer, prompts that were there before, and what
    overlaps with a split that is further from training (test, then validation). The embedded
    sample comes with splits of its own, which hold out facts too.

    Parameters
    ----------
    params
        Name the source, how many, the shares, the seed and what overlaps.
    before
        Prompts that the base was tuned on (`read_before`): none of them, nor anything nearly
        equal, is drawn.

    Raises
    ------
    ValueError
        If a record is malformed (names file and line), or there are fewer pairs than asked for.
    FileNotFoundError, ConnectionError
        If the source is not there.
    """
    seen, removed = HashSet(), Counter(empty_answer=0, read_by_base=0, duplicate_prompt=0)
    base_read = list(before)
    known = {_key(text) for text in base_read}
    if params.instructions == "sample":
        splits = _sample(params)
        for split in ("test", "validation", "train"):
            setattr(splits, split, list(_usable(getattr(splits, split), known, seen, removed)))
    else:
        usable = _usable(read_pairs(params.instructions), known, seen, removed)
        where = f"{params.instructions}; lower pairs"
        drawn = draw(usable, params.pairs, params.seed, where)
        test, held_out = _shares(len(drawn), params)
        splits = Splits(drawn[held_out:], drawn[test:held_out], drawn[:test])
    splits.removed = dict(removed)
    keep_apart(splits, params.near_duplicate, base_read)
    return splits


def all_pairs(params: SftParams) -> Iterable[Pair]:
    """Every pair of the source before any is left out; of the sample, those of its training."""
    if params.instructions != "sample":
        return read_pairs(params.instructions)
    return _sample(params).train


def read_before(base: str, folder: Callable[[str], Path]) -> Iterator[str]:
    """The prompts that a base of ours was tuned on, by its own fine-tuning and by its base's.

    Parameters
    ----------
    base
        As the parameters of a training name it: ``run:<id>`` is ours.
    folder
        Of a run (`brnb.pipeline.Pipeline.folder`).
    """
    for run, params in lineage(base, folder):
        if "instructions" in params:
            yield from (pair.text for pair in pairs_of(folder(run)))


def pairs_of(run: Path) -> Iterator[Pair]:
    """The pairs that a fine-tuning of ours left in its folder, of all splits."""
    for split in SPLITS:
        yield from read_split(run, split, Pair)


def lineage(base: str, folder: Callable[[str], Path]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The runs that made a base of ours, the last one first, with their parameters."""
    while base.startswith(RUN):
        run = base.removeprefix(RUN)
        params = receipt.read_receipt(folder(run) / "receipt.json").params
        yield run, params
        base = params.get("base", "")


def sources(instructions: str) -> list[Path]:
    """Local files behind a source of instruction pairs; none for ``sample`` and ``hf:``."""
    return input_files(instructions)


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
        [as_pair(row, "sample", 0) for row in sample.instructions(sizes[split], params.seed, split)]
        for split in SPLITS
    )
    return Splits(train, validation, test)


def _usable(
    pairs: Iterable[Pair], known: Container[int], seen: HashSet, removed: Counter[str]
) -> Iterator[Pair]:
    for pair in pairs:
        if not pair.output:
            removed["empty_answer"] += 1
        elif (key := _key(pair.text)) in known:
            removed["read_by_base"] += 1
        elif not seen.add(key):
            removed["duplicate_prompt"] += 1
        else:
            yield pair


def _key(prompt: str) -> int:
    return hash64(prompt.casefold().encode())
