"""Answers that are another when their prompt goes alone: near ties, turned by rounding.

Two things are meant by "alone", and they are measured apart. Our own engine with nothing else in
its slots computes the same shapes as with company, and so should say the same in any precision.
Transformers' own generate, one prompt at a time, computes other shapes with other kernels: it
agrees in fp32 but for the rarest tie, and in bf16 less often, the flatter the model's
probabilities are.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from brnb.evaluate.statistics import Rate
from brnb.generate.continuous import answer, ends_of
from brnb.generate.engine import Batching, Decoding, Engine
from brnb.progress import Bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Tokens = Sequence[Sequence[int]]

SAME = 0.99  # of the answers, at least


@torch.inference_mode()
def one_at_a_time(
    model: "PreTrainedModel", prompts: Tokens, decoding: Decoding, batching: Batching
) -> list[list[int]]:
    """Answers of our engine that has one prompt at a time in its slots.

    Parameters
    ----------
    model, prompts, decoding
        As for `brnb.generate.continuous.generate`.
    batching
        The shapes in which the prompts were answered together.
    """
    engine = Engine(model.eval(), decoding, batching)
    return [only.ids for prompt in _each(prompts) for only in answer(engine, [prompt])]


@torch.inference_mode()
def by_transformers(
    model: "PreTrainedModel", prompts: Tokens, decoding: Decoding
) -> list[list[int]]:
    """Greedy answers of transformers' own generate, one prompt at a time.

    Parameters
    ----------
    model, prompts, decoding
        As for `brnb.generate.continuous.generate`.
    """
    generator: Any = model.eval()  # its mixin is not in the type
    ends = sorted(ends_of(model))
    answers = []
    for prompt in _each(prompts):
        ids = torch.tensor([list(prompt)], device=model.device)
        said = generator.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=decoding.max_new_tokens,
            eos_token_id=ends or None,
            pad_token_id=ends[0] if ends else 0,
        )[0, len(prompt) :].tolist()
        stop = next((i for i, token in enumerate(said) if token in ends), len(said))
        answers.append(said[:stop])
    return answers


def _each(prompts: Tokens) -> Iterable[Sequence[int]]:
    """Iterate with a progress bar, for one prompt at a time is slow."""
    return Bar(prompts, desc="one by one", mininterval=5)


def flips(together: Tokens, alone: Tokens) -> Rate:
    """How many answers differ in any token."""
    differ = [list(one) != list(other) for one, other in zip(together, alone, strict=True)]
    return Rate(sum(differ), len(differ))


def same(rate: Rate) -> bool | None:
    """Whether the share of equal answers is what is promised, `SAME`; None if these are too few
    for the interval to say so or not."""
    low, high = rate.interval
    if high <= 1 - SAME:
        return True
    return False if low > 1 - SAME else None


def spread(count: int, wanted: int) -> list[int]:
    """Places of `wanted` of `count` things, evenly from the first on; all if there are not more."""
    wanted = min(count, wanted)
    return [i * count // wanted for i in range(wanted)]
