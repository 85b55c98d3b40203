"""Continuous batching: prompts enter slots as these become free.

Shapes never depend on the company: a decoding step always computes all slots, and a pass over
prompts always as many tokens. Every row of such a product is computed alike whatever the other
rows hold, and attention sees one sequence at a time, so a prompt gets the same tokens in any
order, after a restart, alone, and among any others: `brnb.extrinsic.flips` measures it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, NamedTuple

import torch

from brnb.generate.engine import Batching, Decoding, Engine

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Generation(NamedTuple):
    """The answer to prompt number `number`: its tokens, without the one that `ended` it."""

    number: int
    ids: list[int]
    ended: bool


class _Answer(NamedTuple):
    """An answer that is being written, and how many steps had begun before it entered."""

    number: int
    entered: int
    ids: list[int]


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
    yield from answer(Engine(model, decoding, batching), prompts)


def answer(engine: Engine, prompts: Sequence[Sequence[int]]) -> Iterator[Generation]:
    """Let prompts into slots as these become free, the longest first."""
    engine.share(prompts)
    ends, most = ends_of(engine.model), engine.decoding.max_new_tokens
    waiting = deque(sorted(range(len(prompts)), key=lambda i: -len(prompts[i])))
    free, written = list(range(engine.batching.slots)), dict[int, _Answer]()
    running, begun = deque[Callable[[], list[int]]](), 0
    ahead = int(engine.model.device.type == "cuda")  # it works while we look at what it said
    while waiting or written:
        while waiting:
            fitting = _fitting(engine, prompts, waiting)
            if len(free) < fitting and written:
                break  # a pass that is not full costs as much
            count = min(len(free), fitting)
            entering = {free.pop(): waiting.popleft() for _ in range(count)}
            engine.prefill({slot: prompts[number] for slot, number in entering.items()})
            written |= {slot: _Answer(number, begun, []) for slot, number in entering.items()}
        running.append(engine.begin_step())
        begun += 1
        if len(running) <= ahead:
            continue
        tokens, finished = running.popleft()(), list[int]()
        for slot, (number, entered, ids) in list(written.items()):
            if entered >= begun - len(running):
                continue  # this step was begun before
            ended = tokens[slot] in ends
            ids += [] if ended else [tokens[slot]]
            if ended or len(ids) == most:
                del written[slot]
                finished.append(slot)
                yield Generation(number, ids, ended)
        engine.release(finished)
        free += finished


def _fitting(engine: Engine, prompts: Sequence[Sequence[int]], waiting: Sequence[int]) -> int:
    """How many of those that wait are read in one pass; at least one."""
    tokens = accumulate(len(prompts[number]) - 1 - engine.shared for number in waiting)
    room = takewhile(lambda total: total <= engine.batching.prefill_tokens, tokens)
    return max(1, sum(1 for _ in room))


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


def ends_of(model: "PreTrainedModel") -> frozenset[int]:
    """The tokens that end an answer, as the model's generation settings say."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    if ends is None:
        ends = model.config.get_text_config().eos_token_id
    return frozenset([] if ends is None else [ends] if isinstance(ends, int) else ends)
