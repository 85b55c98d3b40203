"""Answers of a model to test items, kept line by line: a kill loses none that was finished."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brnb.atomic import write_atomic
from brnb.bases.template import DATE, control_tokens
from brnb.extrinsic.testsets import Item
from brnb.generate.continuous import generate
from brnb.generate.engine import Batching, Decoding, slot_length
from brnb.progress import Bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TestSetChanged(ValueError):
    """Old answers belong to another test set."""

    __test__ = False  # pytest collects names that begin so


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to an item: its text, its tokens, and whether the model ended it itself."""

    id: str
    hash: str
    text: str
    tokens: list[int]
    ended: bool


@dataclass(frozen=True)
class Answers:
    """Predictions in the order of the items, and the seconds that they took, in all processes."""

    predictions: list[Prediction]
    seconds: float
    earlier_seconds: float


def answer_items(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    items: Sequence[Item],
    path: Path,
    decoding: Decoding,
    batching: Callable[[int], Batching],
    progress: bool = True,
) -> Answers:
    """Answer every item once, going on where an earlier process stopped.

    The file grows by one line an answer; a last line that a kill has torn is dropped. Because
    answers do not depend on what is batched together (see `brnb.generate.continuous`), an
    interrupted evaluation ends with the same answers as one that was not.

    Parameters
    ----------
    model, tokenizer
        The tokenizer brings the chat template.
    items
        Without repetition (`brnb.extrinsic.testsets.distinct`).
    path
        JSON Lines; one file for each model and decoding.
    decoding
        Greedy, or temperature and seed.
    batching
        Gives the shapes of the work for a slot length.
    progress
        Show items done and time left.

    Raises
    ------
    TestSetChanged
        If the file holds an answer to no item, under the id of one.
    ValueError
        As `generate`, or if a line that is not the last is damaged.
    """
    known, good = _read(path)
    _check(items, known, path)
    prompts = [encode_prompt(tokenizer, item) for item in items]
    shape = batching(slot_length(prompts, decoding))
    done = {row["hash"] for row in known}
    todo = [i for i, item in enumerate(items) if item.hash not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    bar = _bar(path.stem, len(items), len(items) - len(todo), progress)
    with path.open("a+b") as file, bar:
        file.truncate(good)
        before = time.perf_counter()
        for number, ids, ended in generate(model, [prompts[i] for i in todo], decoding, shape):
            item, now = items[todo[number]], time.perf_counter()
            text = str(tokenizer.decode(ids, skip_special_tokens=True)).strip()
            row: dict[str, Any] = {"id": item.id, "hash": item.hash, "text": text}
            row |= {"tokens": ids, "ended": ended, "seconds": round(now - before, 4)}
            file.write(json.dumps(row).encode() + b"\n")
            file.flush()
            known.append(row)
            before = now
            bar.update()
    return _answers(items, known, len(known) - len(todo))


def _answers(items: Sequence[Item], rows: list[dict[str, Any]], earlier: int) -> Answers:
    by_hash = {row["hash"]: row for row in rows}
    fields = Prediction.__dataclass_fields__
    predictions = [
        Prediction(**{name: by_hash[item.hash][name] for name in fields}) for item in items
    ]
    # an id may have moved to an equal item; the answer is still that item's
    predictions = [replace(p, id=i.id) for p, i in zip(predictions, items, strict=True)]
    total = sum(row["seconds"] for row in rows)
    return Answers(predictions, total, sum(row["seconds"] for row in rows[:earlier]))


def encode_prompt(tokenizer: "PreTrainedTokenizerBase", item: Item) -> list[int]:
    """Token ids of an item's prompt in the tokenizer's own chat template, as in training.

    Raises
    ------
    ValueError
        If the tokenizer has no chat template, or the prompt spells one of its special tokens.
    """
    if not tokenizer.chat_template:
        raise ValueError(
            "the tokenizer has no chat template: use the one that was saved with the adapter"
        )
    spelt = [token for token in control_tokens(tokenizer) if token in item.prompt]
    if spelt:
        raise ValueError(
            f"item {item.id!r} spells the special token {spelt[0]!r}, which would not be read as "
            "text; leave it out of the test set"
        )
    messages = [{"role": "user", "content": item.prompt}]
    text = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=False, date_string=DATE
    )
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def write_answers(path: Path, items: Iterable[Item], predictions: Iterable[Prediction]) -> None:
    """Write items and answers side by side, for readers and for other programs."""
    lines = []
    for item, prediction in zip(items, predictions, strict=True):
        row: dict[str, Any] = {"id": item.id, "task": item.task, "hash": item.hash}
        row |= {"prompt": item.prompt}
        row |= {"references": list(item.references), "prediction": prediction.text}
        row |= {"new_tokens": len(prediction.tokens), "ended": prediction.ended}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_atomic(path, "".join(lines).encode("utf-8", "replace"))


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a file, and the bytes up to their end."""
    rows: list[dict[str, Any]] = []
    good = 0
    data = path.read_bytes() if path.is_file() else b""
    for line in data.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            rows.append(_row(line))
        except (ValueError, KeyError, RecursionError):
            if good + len(line) < len(data):
                raise ValueError(
                    f"{path}:{len(rows) + 1}: a damaged answer; delete the file"
                ) from None
            break
        good += len(line)
    return rows, good


def _row(line: bytes) -> dict[str, Any]:
    """One answer of the file; raises ValueError or KeyError if it is none."""
    row = json.loads(line)
    types = {"id": str, "hash": str, "text": str, "tokens": list, "ended": bool, "seconds": float}
    if not isinstance(row, dict) or not all(isinstance(row[k], t) for k, t in types.items()):
        raise ValueError("not an answer")
    return row


def _check(items: Sequence[Item], rows: Iterable[dict[str, Any]], path: Path) -> None:
    hashes = {item.id: item.hash for item in items}
    answerable = {item.hash for item in items}  # test sets of two sources may share an id
    for row in rows:
        if row["id"] in hashes and row["hash"] not in answerable:
            raise TestSetChanged(
                f"{path} answers item {row['id']!r} with prompt and reference {row['hash']}, the "
                f"test set has {hashes[row['id']]}: the test set was changed; delete the file to "
                "answer the new one, or restore the old set"
            )


def _bar(name: str, total: int, done: int, progress: bool) -> Bar:
    return Bar(desc=name, total=total, initial=done, mininterval=5, disable=not progress)
