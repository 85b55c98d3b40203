"""What a model writes after held-out text, and how fast it writes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brnb.compress.language_models import Predictor
from brnb.evaluate.text_metrics import score_pairs
from brnb.train.device import wait_for
from brnb.train.rows import TokenRow


@dataclass(frozen=True)
class ContinuationScores:
    """Greedy continuations beside the text that follows: means of exact match, F1 and ROUGE-L."""

    em: float
    f1: float
    rouge_l: float


@dataclass(frozen=True)
class AnswerSpeed:
    """A batch answered greedily: seconds to the first token, and tokens a second after it, of all
    sequences together."""

    first_token: float
    tokens_per_second: float


def beginnings(row: TokenRow, end: int, prompt: int, new: int, count: int) -> Tensor:
    """The first `prompt` + `new` tokens of the first documents that have as many, (n, …).

    Raises
    ------
    ValueError
        If no document is as long.
    """
    ids = np.asarray(row.ids, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(ids == end)[:-1] + 1])
    lengths = np.diff([*starts, len(ids)]) - 1
    fitting = starts[lengths >= prompt + new][:count]
    if not len(fitting):
        raise ValueError(
            f"no document has {prompt} + {new} tokens: lower prompt_tokens or new_tokens, or take "
            "more test_documents"
        )
    return torch.from_numpy(np.stack([ids[s : s + prompt + new] for s in fitting]))


@torch.no_grad()
def continuation_scores(
    model: Predictor, tokenizer: Any, texts: Tensor, prompt: int, device: torch.device
) -> ContinuationScores:
    """Continue the first `prompt` tokens of texts (n, T) greedily, and score what comes."""
    said = greedy(model, texts[:, :prompt].to(device), texts.shape[1] - prompt)[0]
    pairs = [
        (tokenizer.decode(ours), tokenizer.decode(theirs))
        for ours, theirs in zip(said.tolist(), texts[:, prompt:].tolist(), strict=True)
    ]
    scores = score_pairs(pairs, "pt")
    return ContinuationScores(*(float(np.nanmean(scores[name])) for name in ("em", "f1", "rougeL")))


@torch.no_grad()
def greedy(model: Predictor, prompts: Tensor, new: int) -> tuple[Tensor, AnswerSpeed]:
    """The most probable continuation (B, new) of prompts (B, T), token by token, and its speed."""
    tick = _clock(prompts.device)
    logits, state = model(prompts)
    drawn = [logits[:, -1:].argmax(-1)]
    first = _clock(prompts.device) - tick
    for _ in range(new - 1):
        logits, state = model(drawn[-1], state)
        drawn.append(logits[:, -1:].argmax(-1))
    passed = _clock(prompts.device) - tick - first
    rate = len(prompts) * (new - 1) / passed if new > 1 else float("nan")
    return torch.cat(drawn, 1), AnswerSpeed(first, rate)


def answer_speeds(
    model: Predictor, prompts: Tensor, new: int, batches: Sequence[int]
) -> dict[int, AnswerSpeed]:
    """Speed with each number of sequences at a time, the prompts repeated as needed.

    Everything is answered once before it is timed: a GPU's libraries plan anew for every length of
    the cache that they have not seen.
    """
    measured = {}
    for batch in batches:
        rows = prompts[torch.arange(batch, device=prompts.device) % len(prompts)]
        greedy(model, rows, new if rows.is_cuda else min(new, 2))
        measured[batch] = greedy(model, rows, new)[1]
    return measured


def _clock(device: torch.device) -> float:
    wait_for(device)
    return time.perf_counter()
