"""Items answered one at a time, each timed: a kill loses none that was finished.

Every answer has as many tokens as its benchmark allows, whether or not the model would have ended
it, so that latencies compare; what follows the end is cut from the text. Tokens are chosen
greedily, by Transformers' own ``generate``.
"""

import gc
import json
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from brnb.algorithms.memory import peak_bytes
from brnb.latency.items import BenchmarkItem

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TextCodec(Protocol):
    """Text to token ids and back; `ends` are the tokens that end an answer."""

    ends: frozenset[int]

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt."""

    def decode(self, ids: list[int]) -> str:
        """Text of an answer."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer to one item.

    Attributes
    ----------
    repeat
        How many times the item had been timed before.
    first_token_seconds, seconds
        From the prompt's ids to the first and to the last token.
    peak_bytes
        Most memory at once, weights included: what the allocator of a GPU gave out; on a CPU the
        tensors of the longest prompt, counted once for the model.
    text
        The answer, up to where the model ended it.
    """

    model: str
    item: str
    hash: str
    repeat: int
    prompt_tokens: int
    new_tokens: int
    first_token_seconds: float
    seconds: float
    peak_bytes: int
    text: str

    @property
    def tokens_per_second(self) -> float:
        """New tokens over the whole latency, as document 003 has it."""
        return self.new_tokens / self.seconds


@dataclass(frozen=True)
class Schedule:
    """How items are timed: answers before that do not count, repetitions, tokens by benchmark."""

    warm_up: int
    repeats: int
    new_tokens: dict[str, int]

    def budget(self, item: BenchmarkItem) -> int:
        """Tokens of an answer; benchmarks from files share one number, ``external``."""
        return self.new_tokens.get(item.benchmark, self.new_tokens["external"])


def time_model(
    name: str,
    load: Callable[[], "PreTrainedModel"],
    vocabulary: TextCodec,
    items: Sequence[BenchmarkItem],
    schedule: Schedule,
    journal: Path,
) -> list[Timing]:
    """Time a model on all items, going on where an earlier process stopped.

    The model is loaded only if something is left to do, and its memory is free afterwards.

    Parameters
    ----------
    name
        Of the model.
    load
        Brings it to its device.
    vocabulary
        Its tokens.
    items, schedule
        What is asked, and how often.
    journal
        JSON Lines, one answer a line: one file for what shapes these timings. A last line that a
        kill has torn is dropped.

    Returns
    -------
    list of Timing
        By repetition, then by item.

    Raises
    ------
    MemoryHeld
        If something still holds the model.
    ValueError
        If a line of the journal that is not the last is damaged.
    """
    known, whole = _read(journal)
    done = {(timing.hash, timing.repeat): timing for timing in known}
    wanted = [(item, repeat) for repeat in range(schedule.repeats) for item in items]
    left = [(item, repeat) for item, repeat in wanted if (item.hash, repeat) not in done]
    if left:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with journal.open("a+b") as file:
            file.truncate(whole)
            for timing in _timed(name, load, vocabulary, items, left, schedule):
                file.write(json.dumps(asdict(timing)).encode() + b"\n")
                file.flush()
                done[timing.hash, timing.repeat] = timing
    return [done[item.hash, repeat] for item, repeat in wanted]


class MemoryHeld(RuntimeError):
    """The next model would not be measured alone."""


def _timed(
    name: str,
    load: Callable[[], "PreTrainedModel"],
    vocabulary: TextCodec,
    items: Sequence[BenchmarkItem],
    left: Iterable[tuple[BenchmarkItem, int]],
    schedule: Schedule,
) -> Iterable[Timing]:
    model = load()
    gone = weakref.ref(model)
    device = model.device
    longest = max(items, key=lambda item: len(item.prompt))
    for number in range(schedule.warm_up):
        _answer(model, vocabulary, items[number % len(items)], schedule)
    held = _counted(model, vocabulary, longest, schedule) if device.type == "cpu" else None
    for item, repeat in left:
        yield _one(name, model, vocabulary, item, repeat, schedule, held)
    del model
    empty_memory(device)
    if gone() is not None:
        raise MemoryHeld(f"{name} is still in memory: something refers to it; let go of it first")


def empty_memory(device: torch.device) -> int:
    """Give back what nobody uses; bytes of a GPU that are still in use, 0 on a CPU."""
    gc.collect()  # maps of bitsandbytes and their weights refer to each other
    if device.type != "cuda":
        return 0
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated(device)


def _one(
    name: str,
    model: "PreTrainedModel",
    vocabulary: TextCodec,
    item: BenchmarkItem,
    repeat: int,
    schedule: Schedule,
    held: int | None,
) -> Timing:
    cuda = model.device.type == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats(model.device)
    prompt, ids, stamps = _answer(model, vocabulary, item, schedule)
    peak = torch.cuda.max_memory_allocated(model.device) if cuda else held or 0
    end = next((i for i, token in enumerate(ids) if token in vocabulary.ends), len(ids))
    return Timing(
        model=name,
        item=item.id,
        hash=item.hash,
        repeat=repeat,
        prompt_tokens=prompt,
        new_tokens=len(ids),
        first_token_seconds=stamps[1] - stamps[0],
        seconds=stamps[-1] - stamps[0],
        peak_bytes=peak,
        text=vocabulary.decode(ids[:end]),
    )


class _Clock:
    """A streamer of transformers that notes when each token is there, on the CPU."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def put(self, tokens: Any) -> None:
        self.stamps.append(time.perf_counter())

    def end(self) -> None:
        pass


@torch.inference_mode()
def _answer(
    model: "PreTrainedModel", vocabulary: TextCodec, item: BenchmarkItem, schedule: Schedule
) -> tuple[int, list[int], list[float]]:
    """Length of the prompt, the tokens that follow it, and when the prompt and each were there."""
    prompt, clock = vocabulary.encode(item.prompt), _Clock()
    ids = torch.tensor([prompt], device=model.device)
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    out: torch.Tensor = model.generate(  # type: ignore[operator]
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=(budget := schedule.budget(item)),
        streamer=clock,
    )
    new = out[0, len(prompt) :].tolist()
    if len(new) != budget:
        raise RuntimeError(f"{item.id}: {len(new)} tokens instead of {budget}; do not end answers")
    return len(prompt), new, clock.stamps


def _counted(
    model: "PreTrainedModel", vocabulary: TextCodec, item: BenchmarkItem, schedule: Schedule
) -> int:
    """Bytes of the weights and of what the longest prompt adds, tensor by tensor."""
    weights = {p.untyped_storage()._cdata: p.untyped_storage().nbytes() for p in model.parameters()}
    prompt = torch.tensor([vocabulary.encode(item.prompt)], device=model.device)
    with torch.inference_mode():
        return sum(weights.values()) + peak_bytes(lambda: model(prompt, logits_to_keep=1))


def _read(journal: Path) -> tuple[list[Timing], int]:
    """The whole lines of a journal, and the bytes up to their end."""
    timings, whole = list[Timing](), 0
    content = journal.read_bytes() if journal.is_file() else b""
    for line in content.splitlines(keepends=True):
        try:
            timings.append(Timing(**json.loads(line)))
        except (ValueError, TypeError, RecursionError):
            if whole + len(line) < len(content):
                where = f"{journal}:{len(timings) + 1}"
                raise ValueError(f"{where}: a damaged timing; delete the file") from None
            break
        if not line.endswith(b"\n"):
            timings.pop()
            break
        whole += len(line)
    return timings, whole
