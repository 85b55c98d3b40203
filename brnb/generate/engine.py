"""A model with slots on its device: prompts are read into them, and all of them decode together.

Two passes, and the shape of neither depends on who is in the slots: a decoding step always
computes all of them, and prompts are read in passes of always as many tokens.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from brnb.generate.slots import Piece, Slots, sent
from brnb.generate.streamed import StreamedReader, reader

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BUCKET = 32  # slots are as long as a multiple of this


@dataclass(frozen=True)
class Decoding:
    """How to decode: up to `max_new_tokens`, at a `temperature`; 0 is greedy and has no seed.

    Attributes
    ----------
    in_8_bits
        Products of the layers in 8 bits (`brnb.ops.eight_bits`): faster, and other answers.
    """

    max_new_tokens: int
    temperature: float = 0.0
    seed: int = 0
    in_8_bits: bool = False


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


def slot_length(prompts: Sequence[Sequence[int]], decoding: Decoding) -> int:
    """The length of slots that hold all of these prompts with their answers."""
    return _rounded(max(map(len, prompts), default=0) + decoding.max_new_tokens)


class Engine:
    """The state on the device, and the two passes that change it.

    `brnb.generate.continuous.generate` is the way in; this alone is for measuring the passes.

    Attributes
    ----------
    shared
        Tokens that all prompts begin with, already in every slot.
    """

    def __init__(self, model: "PreTrainedModel", decoding: Decoding, batching: Batching) -> None:
        slots, length, device = batching.slots, _rounded(batching.length), model.device
        self.model, self.decoding, self.batching = model, decoding, batching
        self.reader = reader(model, slots, length, decoding.in_8_bits)
        self.slots = Slots(model, slots, length)
        self.shared = 0
        self.spare = slots * length  # first row of the extra slot, where padding is written
        self.begins = torch.full((slots,), self.spare, device=device)
        self.last = torch.zeros(slots, dtype=torch.long, device=device)
        self.position = torch.zeros(slots, dtype=torch.long, device=device)
        self.uniforms = torch.zeros(slots, length, dtype=torch.float64, device=device)
        self.graph = self._captured() if batching.graph else None

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
        lasts = [[slot, prompt[-1], len(prompt) - 1] for slot, prompt in entering.items()]
        slots, last, position = sent(torch.tensor(lasts), self.model.device).T
        self.last[slots], self.position[slots] = last, position
        self.begins[slots] = slots * self.slots.length
        if self.decoding.temperature:
            for slot, prompt in entering.items():
                uniforms = _uniforms(prompt, self.decoding)
                self.uniforms[slot, len(prompt) - 1 :][: len(uniforms)] = torch.from_numpy(uniforms)

    def release(self, finished: Sequence[int]) -> None:
        """What these slots go on to write is kept nowhere."""
        if finished:
            slots = sent(torch.tensor(finished), self.model.device)
            self.begins.index_fill_(0, slots, self.spare)
            self.position.index_fill_(0, slots, 0)

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
        begins[end:], positions[end:] = self.spare, np.arange(rest) % self.slots.length
        whole = torch.from_numpy(np.stack([ids, positions, begins + positions]))
        read, places, rows = sent(whole, self.model.device)
        self.reader.fill(read, places, self.slots.direct(rows, places, pieces))

    def step(self) -> list[int]:
        """The next token of every slot; those of free slots mean nothing."""
        return self.begin_step()()

    def begin_step(self) -> Callable[[], list[int]]:
        """Begin a step; what is returned waits for its tokens."""
        if self.graph is None:
            self._forward()
        else:
            self.graph.replay()
        said = self.last.to("cpu", non_blocking=True)
        if said is self.last:  # on a CPU
            said = said.clone()
            return said.tolist
        done = torch.cuda.Event()
        done.record()

        def tokens() -> list[int]:
            done.synchronize()
            return said.tolist()

        return tokens

    def _forward(self) -> None:
        if isinstance(self.reader, StreamedReader) and not self.decoding.temperature:
            self.reader.greedy_step(self.last, self.begins, self.position, self.slots, self.spare)
            return
        slots = self.slots.direct(self.begins + self.position, self.position)
        logits = self.reader.logits(self.last, self.position, slots)
        self.last.copy_(self._choose(logits))
        taken = self.begins < self.spare  # a free slot stays where it has nothing to attend to
        self.position.add_(taken).clamp_(max=self.slots.length - 1)

    def _choose(self, logits: Tensor) -> Tensor:
        """The most probable tokens, or where the slot's uniform number falls among them."""
        if not self.decoding.temperature:
            return logits.argmax(-1)
        below = (logits.double() / self.decoding.temperature).softmax(-1).cumsum(-1)
        drawn = self.uniforms.gather(1, self.position[:, None]) * below[:, -1:]
        return (below <= drawn).sum(-1).clamp(max=logits.shape[-1] - 1)

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


def _uniforms(prompt: Sequence[int], decoding: Decoding) -> "np.ndarray":
    """Uniform numbers in [0, 1), one for each token to draw, fixed by the prompt and the seed."""
    digest = hashlib.blake2b(np.asarray(prompt, dtype="<i8").tobytes(), digest_size=8).digest()
    entropy = [decoding.seed, int.from_bytes(digest, "little")]
    return np.random.default_rng(entropy).random(decoding.max_new_tokens)


def _rounded(length: int) -> int:
    return -(-length // BUCKET) * BUCKET
