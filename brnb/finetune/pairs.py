"""The instruction pairs of a supervised fine-tuning: drawn, split and kept apart."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from brnb.finetune.data import Splits, draw, keep_apart
from brnb.finetune.params import SftParams
from brnb.text.finished import SPLITS
from brnb.text.hashing import HashSet, hash64
from brnb.text.pairs import Pair, as_pair, read_pairs
from brnb.text.reader import input_files


def draw_pairs(params: SftParams) -> Splits[Pair]:
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
        drawn = draw(usable, params.pairs, params.seed, where)
        test, held_out = _shares(len(drawn), params)
        splits = Splits(drawn[held_out:], drawn[test:held_out], drawn[:test])
    splits.removed = dict(removed)
    keep_apart(splits, params.near_duplicate)
    return splits


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


def _usable(pairs: Iterable[Pair], seen: HashSet, removed: Counter[str]) -> Iterator[Pair]:
    for pair in pairs:
        if not pair.output:
            removed["empty_answer"] += 1
        elif not seen.add(hash64(pair.text.casefold().encode())):
            removed["duplicate_prompt"] += 1
        else:
            yield pair
