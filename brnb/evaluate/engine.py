"""Generation for many prompts: batched, repeatable, and the same whatever is batched together.

Shapes never depend on the company: a decoding step always computes all slots, and a pass over
prompts always as many tokens. Every row of such a product is computed alike whatever the other
rows hold, and attention sees one sequence at a time, so a prompt gets the same tokens in any
order, after a restart, and among any others. One prompt at a time is another shape, in which
rounding can turn a near tie: `flip_rate` measures how often.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from brnb.evaluate.readers import reader
from brnb.evaluate.slots import Piece, Slots

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BUCKET = 32  # slots are as long as a multiple of this


@dataclass(frozen=True)
class Decoding:
    """How to decode: up to `max_new_tokens`, at a `temperature`; 0 is greedy and has no seed."""

    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Batching:
    """The shapes of the work; answers may depend on them, and on nothing else.

    Attributes
    ----------
    slots
        Sequences that decode together.
    length
        Tokens that a slot holds, prompt and answer.
    prefill_tokens
        Tokens of prompts that are read together, always as many: 8,192 keep a large GPU busy.
    graph
        Capture the decoding step as a CUDA graph, which needs a GPU and a second.
    """

    slots: int
    length: int
    prefill_tokens: int
    graph: bool = False


class Generation(NamedTuple):
    """The answer to prompt number `number`: its tokens, without the one that `ended` it."""

    number: int
    ids: list[int]
    ended: bool


@torch.inference_mode()
def generate(
    model: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    batching: Batching,
) -> Iterator[Generation]:
    """Answer all prompts, each as soon as it is finished.

    Parameters
    ----------
    model
        A causal language model of transformers; its generation settings say which tokens end.
    prompts
        Token ids of each.
    decoding, batching
        What to draw, and how much of it at once.

    Raises
    ------
    ValueError
        If a prompt is empty, or longer with its answer than a slot or than the model's context.
    """
    _check(model, prompts, decoding, batching.length)
    if not prompts:
        return
    model.eval()
    yield from Engine(model, decoding, batching).answer(prompts)


def slot_length(prompts: Sequence[Sequence[int]], decoding: Decoding) -> int:
    """The length of slots that hold all of these prompts with their answers."""
    return _rounded(max(map(len, prompts), default=0) + decoding.max_new_tokens)


class Engine:
    """A model with its slots: the state on the device, and the two passes that change it.

    `generate` is the way in; this is for measuring the passes one by one.
    """

    def __init__(self, model: "PreTrainedModel", decoding: Decoding, batching: Batching) -> None:
        slots, length, device = batching.slots, _rounded(batching.length), model.device
        self.model, self.decoding, self.batching = model, decoding, batching
        self.reader = reader(model)
        self.slots = Slots(model, slots, length)
        self.shared = 0  # tokens that all prompts begin with, already in every slot
        self.nowhere = slots * length  # the first place of the slot that is no one's
        self.begins = torch.full((slots,), self.nowhere, device=device)
        self.last = torch.zeros(slots, dtype=torch.long, device=device)
        self.position = torch.zeros(slots, dtype=torch.long, device=device)
        self.luck = torch.zeros(slots, length, dtype=torch.float64, device=device)
        self.graph = self._captured() if batching.graph else None

    def answer(self, prompts: Sequence[Sequence[int]]) -> Iterator[Generation]:
        """Let prompts into slots as these become free, the longest first."""
        self.share(prompts)
        ends, most = _ends(self.model), self.decoding.max_new_tokens
        waiting = deque(sorted(range(len(prompts)), key=lambda i: -len(prompts[i])))
        free, written = list(range(self.batching.slots)), dict[int, tuple[int, list[int]]]()
        while waiting or written:
            while waiting:
                fitting = self._fitting(prompts, waiting)
                if len(free) < fitting and written:
                    break  # a pass that is not full costs as much
                count = min(len(free), fitting)
                entering = {free.pop(): waiting.popleft() for _ in range(count)}
                self.prefill({slot: prompts[number] for slot, number in entering.items()})
                written |= {slot: (number, []) for slot, number in entering.items()}
            tokens, finished = self.step(), list[int]()
            for slot, (number, ids) in list(written.items()):
                ended = tokens[slot] in ends
                ids += [] if ended else [tokens[slot]]
                if ended or len(ids) == most:
                    del written[slot]
                    finished.append(slot)
                    yield Generation(number, ids, ended)
            self.release(finished)
            free += finished

    def _fitting(self, prompts: Sequence[Sequence[int]], waiting: Sequence[int]) -> int:
        """How many of those that wait are read in one pass; at least one."""
        tokens = accumulate(len(prompts[number]) - 1 - self.shared for number in waiting)
        room = takewhile(lambda total: total <= self.batching.prefill_tokens, tokens)
        return max(1, sum(1 for _ in room))

    def share(self, prompts: Sequence[Sequence[int]]) -> None:
        """Read what all prompts begin with once, if that spares more than it costs."""
        most = min(map(len, prompts), default=1) - 1
        same = takewhile(lambda column: len(set(column)) == 1, zip(*prompts, strict=False))
        self.shared = 0
        length = min(most, sum(1 for _ in same))
        if length * (len(prompts) - 1) > self.batching.prefill_tokens:
            self._read(self._pieces(0, prompts[0][:length]))
            self.slots.share(length)
            self.shared = length

    def prefill(self, entering: dict[int, Sequence[int]]) -> None:
        """Read prompts into their slots; the next step reads their last tokens."""
        pieces = [
            piece for slot, prompt in entering.items() for piece in self._pieces(slot, prompt[:-1])
        ]
        self._read(pieces)
        slots = torch.tensor(list(entering)).to(self.model.device)
        lasts = [[prompt[-1], len(prompt) - 1] for prompt in entering.values()]
        self.last[slots], self.position[slots] = torch.tensor(lasts).to(self.model.device).T
        self.begins[slots] = slots * self.slots.length
        if self.decoding.temperature:
            for slot, prompt in entering.items():
                luck = _luck(prompt, self.decoding)
                self.luck[slot, len(prompt) - 1 :][: len(luck)] = torch.from_numpy(luck)

    def release(self, finished: Sequence[int]) -> None:
        """What these slots go on to write is kept nowhere."""
        if finished:
            slots = torch.tensor(finished).to(self.model.device)
            self.begins[slots], self.position[slots] = self.nowhere, 0

    def _pieces(self, slot: int, ids: Sequence[int]) -> list[Piece]:
        """What a prompt adds to the shared beginning; one longer than a pass takes several."""
        most = self.batching.prefill_tokens
        starts = range(self.shared, len(ids), most)
        return [Piece(slot, start, ids[start : start + most]) for start in starts]

    def _read(self, pieces: Sequence[Piece]) -> None:
        """Read pieces in passes of one size, whose rest is read for nothing."""
        waiting, size = deque(pieces), self.batching.prefill_tokens
        while waiting:
            some, room = list[Piece](), size
            while waiting and len(waiting[0].ids) <= room:
                some.append(waiting.popleft())
                room -= len(some[-1].ids)
            self._pass(some, room)

    def _pass(self, pieces: Sequence[Piece], rest: int) -> None:
        ids, positions, begins = (np.zeros(self.batching.prefill_tokens, int) for _ in range(3))
        end = 0
        for slot, start, tokens in pieces:
            at = slice(end, end := end + len(tokens))
            ids[at], begins[at] = tokens, slot * self.slots.length
            positions[at] = np.arange(start, start + len(tokens))
        begins[end:], positions[end:] = self.nowhere, np.arange(rest) % self.slots.length
        whole = torch.from_numpy(np.stack([ids, positions, begins + positions]))
        read, at_positions, rows = whole.to(self.model.device)
        slots = self.slots.direct(rows, at_positions, pieces)
        self.reader.fill(read, at_positions, slots)

    def step(self) -> list[int]:
        """The next token of every slot; those of free slots mean nothing."""
        if self.graph is None:
            self._forward()
        else:
            self.graph.replay()
        return self.last.tolist()

    def _forward(self) -> None:
        slots = self.slots.direct(self.begins + self.position, self.position)
        logits = self.reader.logits(self.last, self.position, slots)
        self.last.copy_(self._choose(logits))
        self.position.add_(1).clamp_(max=self.slots.length - 1)

    def _choose(self, logits: Tensor) -> Tensor:
        """The most probable tokens, or where each slot's luck falls among the probabilities."""
        if not self.decoding.temperature:
            return logits.argmax(-1)
        below = (logits.double() / self.decoding.temperature).softmax(-1).cumsum(-1)
        luck = self.luck.gather(1, self.position[:, None]) * below[:, -1:]
        return (below <= luck).sum(-1).clamp(max=logits.shape[-1] - 1)

    def _captured(self) -> torch.cuda.CUDAGraph:
        """The step as one CUDA graph."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._forward()  # builds the kernels
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._forward()
        return graph


def flip_rate(
    model: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    answers: Sequence[Sequence[int]],
) -> float:
    """Share of greedy answers that differ from those of transformers, one prompt at a time.

    Parameters
    ----------
    model, prompts, decoding
        As for `generate`.
    answers
        The tokens that `generate` gave to each prompt.
    """
    generator: Any = model  # its mixin is not in the type
    ends, flips = sorted(_ends(model)), 0
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = torch.tensor([list(prompt)], device=model.device)
        alone = generator.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=decoding.max_new_tokens,
            eos_token_id=ends or None,
            pad_token_id=ends[0] if ends else 0,
        )[0, len(prompt) :].tolist()
        stop = next((i for i, token in enumerate(alone) if token in ends), len(alone))
        flips += alone[:stop] != list(answer)
    return flips / len(prompts) if prompts else 0.0


def _luck(prompt: Sequence[int], decoding: Decoding) -> "np.ndarray":
    """A number in [0, 1) for each token to draw, fixed by the prompt and the seed alone."""
    digest = hashlib.blake2b(np.asarray(prompt, dtype="<i8").tobytes(), digest_size=8).digest()
    entropy = [decoding.seed, int.from_bytes(digest, "little")]
    return np.random.default_rng(entropy).random(decoding.max_new_tokens)


def _check(
    model: "PreTrainedModel", prompts: Sequence[Sequence[int]], decoding: Decoding, length: int
) -> None:
    context = model.config.get_text_config().max_position_embeddings
    for number, prompt in enumerate(prompts):
        if not prompt:
            raise ValueError(f"prompt {number} has no tokens")
        if len(prompt) + decoding.max_new_tokens > min(context, length):
            raise ValueError(
                f"prompt {number} has {len(prompt)} tokens and {decoding.max_new_tokens} may "
                f"follow: more than a slot ({length}) or the model's context ({context}) holds; "
                "leave such items out of the test set, or ask for fewer new tokens"
            )


def _ends(model: "PreTrainedModel") -> frozenset[int]:
    found = model.generation_config.eos_token_id if model.generation_config else None
    if found is None:
        found = model.config.get_text_config().eos_token_id
    return frozenset([] if found is None else [found] if isinstance(found, int) else found)


def _rounded(length: int) -> int:
    return -(-length // BUCKET) * BUCKET
