"""Generation for many prompts: batched, repeatable, and the same whatever is batched together.

Shapes never depend on the company: a decoding step always computes all slots, and a prompt's
batch has a shape that its own length decides. Every row of such a product is computed alike
whatever the other rows hold, so a prompt gets the same tokens in any order, after a restart, and
among any others. One prompt at a time is another shape, in which rounding can turn a near tie:
`flip_rate` measures how often.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from brnb.evaluate.slots import SlotCache, slot_attention

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BUCKET = 32  # prompts are padded to multiples of this


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
        Tokens of prompts that are read together.
    graph
        Compile the decoding step and capture it as a CUDA graph: worth a minute where thousands
        of answers follow. Needs a GPU.
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
    with slot_attention(model):
        yield from Engine(model, decoding, batching).answer(prompts)


def slot_length(prompts: Sequence[Sequence[int]], decoding: Decoding) -> int:
    """The length of slots that hold all of these prompts with their answers."""
    return _rounded(max(map(len, prompts), default=0) + decoding.max_new_tokens)


class Engine:
    """A model with its slots: the state on the device, and the two passes that change it.

    `generate` is the way in; this is for measuring the passes one by one, inside
    `brnb.evaluate.slots.slot_attention`.
    """

    def __init__(self, model: "PreTrainedModel", decoding: Decoding, batching: Batching) -> None:
        slots, length, device = batching.slots, _rounded(batching.length), model.device
        self.model, self.decoding, self.batching = model, decoding, batching
        self.cache = SlotCache(model, slots, length)
        self.rows = torch.arange(slots, device=device)[:, None]
        self.columns = torch.arange(length, device=device)
        self.last = torch.zeros(slots, 1, dtype=torch.long, device=device)
        self.position = torch.zeros(slots, 1, dtype=torch.long, device=device)
        self.luck = torch.zeros(slots, length, dtype=torch.float64, device=device)
        self._decode: Callable[[], None] = self._captured() if batching.graph else self._forward

    def answer(self, prompts: Sequence[Sequence[int]]) -> Iterator[Generation]:
        """Let prompts into slots as these become free, the longest first."""
        ends, most = _ends(self.model), self.decoding.max_new_tokens
        waiting = deque(sorted(range(len(prompts)), key=lambda i: -_rounded(len(prompts[i]))))
        free, written = list(range(self.batching.slots)), dict[int, tuple[int, list[int]]]()
        while waiting or written:
            while waiting:
                rows = self._rows(_rounded(len(prompts[waiting[0]])))
                if len(free) < min(rows, len(waiting)) and written:
                    break  # a batch that is not full costs as much
                entering = self._next(prompts, waiting, free, rows)
                self.prefill({slot: prompts[number] for slot, number in entering.items()})
                written |= {slot: (number, []) for slot, number in entering.items()}
            tokens = self.step()
            for slot, (number, ids) in list(written.items()):
                ended = tokens[slot] in ends
                ids += [] if ended else [tokens[slot]]
                if ended or len(ids) == most:
                    del written[slot]
                    free.append(slot)
                    yield Generation(number, ids, ended)

    def _rows(self, width: int) -> int:
        """Prompts of a padded width that are read together."""
        return max(1, min(self.batching.slots, self.batching.prefill_tokens // width))

    def _next(
        self, prompts: Sequence[Sequence[int]], waiting: deque[int], free: list[int], rows: int
    ) -> dict[int, int]:
        """Give free slots to as many waiting prompts of one width as are read together."""
        width = _rounded(len(prompts[waiting[0]]))
        entering: dict[int, int] = {}
        while waiting and free and len(entering) < rows:
            if _rounded(len(prompts[waiting[0]])) != width:
                break
            entering[free.pop()] = waiting.popleft()
        return entering

    def prefill(self, entering: dict[int, Sequence[int]]) -> None:
        """Read prompts of one width into their slots; the next step reads their last tokens."""
        scratch, device = self.batching.slots, self.model.device
        width = _rounded(max(map(len, entering.values())))
        rows = self._rows(width)
        ids = torch.zeros(rows, width, dtype=torch.long)
        for row, prompt in enumerate(entering.values()):
            ids[row, : len(prompt) - 1] = torch.tensor(prompt[:-1])
        taken = [*entering, *[scratch] * (rows - len(entering))]
        positions = torch.arange(width, device=device).expand(rows, width)
        # what padding leaves behind a prompt is overwritten before a mask ever admits it
        cache = self.cache.at(torch.tensor(taken, device=device)[:, None], positions, whole=False)
        self.model.base_model(
            input_ids=ids.to(device), position_ids=positions, past_key_values=cache, use_cache=True
        )
        slots = torch.tensor(list(entering), device=device)
        lasts = [[prompt[-1], len(prompt) - 1] for prompt in entering.values()]
        self.last[slots], self.position[slots] = torch.tensor(lasts, device=device).split(1, dim=1)
        if self.decoding.temperature:
            for slot, prompt in entering.items():
                luck = _luck(prompt, self.decoding)
                self.luck[slot, len(prompt) - 1 :][: len(luck)] = torch.from_numpy(luck)

    def step(self) -> list[int]:
        """The next token of every slot; those of free slots mean nothing."""
        self._decode()
        return self.last[:, 0].tolist()

    def _forward(self) -> None:
        logits = self.model(
            input_ids=self.last,
            position_ids=self.position,
            attention_mask=(self.columns <= self.position)[:, None, None],
            past_key_values=self.cache.at(self.rows, self.position, whole=True),
            use_cache=True,
        ).logits[:, -1]
        self.last.copy_(self._choose(logits))
        self.position.add_(1).clamp_(max=len(self.columns) - 1)

    def _choose(self, logits: Tensor) -> Tensor:
        """The most probable tokens, or where each slot's luck falls among the probabilities."""
        if not self.decoding.temperature:
            return logits.argmax(-1, keepdim=True)
        below = (logits.double() / self.decoding.temperature).softmax(-1).cumsum(-1)
        luck = self.luck.gather(1, self.position) * below[:, -1:]
        return (below <= luck).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)

    def _captured(self) -> Callable[[], None]:
        """The step as one CUDA graph of fused kernels."""
        compiled = torch.compile(self._forward, dynamic=False)
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            for _ in range(3):
                compiled()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            compiled()
        return graph.replay


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
