"""Samples of a language model: temperature and nucleus sampling, one random stream a sample."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from brnb.text.clean import early
from brnb.thesis import load

if TYPE_CHECKING:
    from brnb.tokenizers import Tokenizer
    from brnb.train.params import TrainParams


@dataclass(frozen=True)
class Sample:
    """A continuation of a prompt; `ids` are its tokens, up to the end of the document."""

    prompt: str
    seed: int
    text: str
    ids: list[int]


def standard_samples(
    model: nn.Module, tokenizer: "Tokenizer", params: "TrainParams"
) -> list[Sample]:
    """Samples from the two standard prompts (4.4.1.6), in the cleaning that the model has read."""
    prompts = [early(p) if params.cleaning == "early" else p for p in load("prompts").values()]
    return sample(
        model,
        tokenizer,
        prompts,
        range(params.seed, params.seed + params.sample_seeds),
        params.sample_tokens,
        params.temperature,
        params.top_p,
    )


@torch.no_grad()
def sample(
    model: nn.Module,
    tokenizer: "Tokenizer",
    prompts: Sequence[str],
    seeds: Sequence[int],
    tokens: int,
    temperature: float,
    top_p: float,
) -> list[Sample]:
    """Continue every prompt once a seed.

    Each sample draws from a generator of its own, so it does not depend on which others are drawn
    with it.

    Parameters
    ----------
    model
        Maps ids (B, T) and a state to logits (B, T, V) and the next state.
    prompts, seeds
        One sample for each pair.
    tokens
        Length of a continuation; it ends earlier at the end-of-document token, or where the
        context of a Transformer is full.
    temperature
        Divides the logits.
    top_p
        Draw from the smallest set of tokens with this probability (Holtzman et al., 2020).

    Raises
    ------
    ValueError
        If a prompt has no token.
    """
    device = next(model.parameters()).device
    model.eval()
    samples = []
    for number, prompt in enumerate(prompts):
        ids = tokenizer.encode(prompt)
        if not ids:
            raise ValueError(f"prompt {prompt!r} has no tokens")
        generators = [torch.Generator().manual_seed(_stream(seed, number)) for seed in seeds]
        logits, state = model(torch.tensor([ids] * len(seeds), device=device))
        drawn: list[Tensor] = []
        length = min(tokens, _room(model, len(ids)))
        while len(drawn) < length:
            probabilities = nucleus(logits[:, -1].float().cpu() / temperature, top_p)
            last = torch.stack(
                [
                    torch.multinomial(row, 1, generator=generator)
                    for row, generator in zip(probabilities, generators, strict=True)
                ]
            )
            drawn.append(last)
            if len(drawn) < length:
                logits, state = model(last.to(device), state)
        rows = torch.cat(drawn, dim=1).tolist()
        samples += [
            Sample(prompt, seed, tokenizer.decode(kept), kept)
            for seed, row in zip(seeds, rows, strict=True)
            for kept in [_until(row, tokenizer.eos_id)]
        ]
    return samples


def _stream(seed: int, prompt: int) -> int:
    """One random stream a pair: with the seed's alone, all prompts would share their luck."""
    return int(np.random.SeedSequence([seed, prompt]).generate_state(1)[0])


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Probabilities of the smallest set of tokens that reaches `top_p`, shape (B, V)."""
    ordered, index = logits.softmax(-1).sort(dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    kept = ordered.where(before < top_p, 0.0)
    kept = kept / kept.sum(-1, keepdim=True)
    return torch.zeros_like(kept).scatter(-1, index, kept)


def _room(model: nn.Module, prompt: int) -> int:
    """Tokens that a model can add to a prompt: each but the last must fit into its context.

    A model without `brnb.models.choices.Choices`, a recurrent one, has no limit.
    """
    context: int = getattr(getattr(model, "choices", None), "context", sys.maxsize)
    return context - prompt + 1


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
