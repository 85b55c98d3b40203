"""Losses of Hugging Face models text by text, and what changed between two models.

Every document is read on its own, whole or in windows that overlap by a token, and only targets
count: all tokens of raw text, the answer alone of an instruction pair.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F

from brnb.evaluate.statistics import Comparison, compare, together
from brnb.finetune.packing import IGNORE, Example, pieces

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Key = TypeVar("Key", bound=Hashable)
BATCH_TOKENS = 4096  # of a forward pass, where windows are shorter: the head's output stays small


@dataclass(frozen=True, eq=False)
class Losses:
    """What each document costs a model.

    Attributes
    ----------
    keys
        The documents.
    nats, tokens, bytes
        Shape (documents,): negative log-likelihood of the targets, their number, and the UTF-8
        bytes that they spell.
    """

    keys: tuple[str, ...]
    nats: np.ndarray
    tokens: np.ndarray
    bytes: np.ndarray

    @property
    def loss(self) -> float:
        """Nats per target token, over all documents together."""
        return float(self.nats.sum() / self.tokens.sum())

    @property
    def perplexity(self) -> float:
        """Perplexity: e to the mean loss."""
        return math.exp(self.loss)

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of the text that the targets spell."""
        return float(self.nats.sum() / (math.log(2) * self.bytes.sum()))


@torch.no_grad()
def losses(model: "PreTrainedModel", examples: Sequence[Example], seq_len: int) -> Losses:
    """Evaluate a causal language model on documents.

    Windows of similar length share a forward pass, padded at their end, where a causal model does
    not look.

    Parameters
    ----------
    model
        In any precision; the loss is computed in fp32. Left in evaluation mode.
    examples
        Documents with their targets.
    seq_len
        Longest window.

    Raises
    ------
    ValueError
        If a document has no target.
    """
    empty = [example.key for example in examples if not example.targets]
    if empty or not examples:
        raise ValueError(f"nothing to predict in {', '.join(empty[:3]) or 'no documents'}")
    model.eval()
    windows = [(n, part) for n, e in enumerate(examples) for part in pieces(e, seq_len)]
    windows.sort(key=lambda window: len(window[1].ids), reverse=True)
    nats = np.zeros(len(examples))
    for rows in _batches(windows):
        summed = _nats(model, [part for _, part in rows])
        np.add.at(nats, [number for number, _ in rows], summed)
    return Losses(
        keys=tuple(example.key for example in examples),
        nats=nats,
        tokens=np.array([example.targets for example in examples]),
        bytes=np.array([example.bytes for example in examples]),
    )


def _batches(windows: Sequence[tuple[int, Example]]) -> Iterator[Sequence[tuple[int, Example]]]:
    """Runs of windows, the longest first, of at most `BATCH_TOKENS` with their padding."""
    start = 0
    while start < len(windows):
        rows = max(1, BATCH_TOKENS // len(windows[start][1].ids))
        yield windows[start : start + rows]
        start += rows


def _nats(model: "PreTrainedModel", rows: Sequence[Example]) -> np.ndarray:
    """Negative log-likelihood of each row's targets, shape (rows,), float64."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full_like(ids, IGNORE)
    for line, row in enumerate(rows):
        ids[line, : len(row.ids)] = torch.from_numpy(row.ids)
        labels[line, : len(row.labels)] = torch.from_numpy(row.labels)
    logits = model(input_ids=ids.to(model.device), use_cache=False).logits[:, :-1]
    targets = labels[:, 1:].to(model.device)
    wanted = targets != IGNORE
    nats = F.cross_entropy(logits[wanted].float(), targets[wanted], reduction="none").double()
    total = torch.zeros(len(rows), dtype=torch.float64, device=nats.device)
    total.index_add_(0, wanted.nonzero()[:, 0], nats)
    return total.cpu().numpy()


@dataclass(frozen=True)
class LossChange:
    """How a model's losses on some documents differ from a reference's on the same.

    Attributes
    ----------
    before, after
        Loss of the reference and of the model, nats per token.
    bits_before, bits_after
        The same in bits per byte.
    perplexity
        Relative change of perplexity from the losses, e^(after - before) - 1: -0.192 and -0.484
        in Table 12.
    low, high
        Its interval, from a paired bootstrap over documents.
    comparison
        Of the losses, with the test behind it.
    """

    before: float
    after: float
    bits_before: float
    bits_after: float
    perplexity: float
    low: float
    high: float
    comparison: Comparison


def change(
    before: Losses, after: Losses, *, resamples: int, confidence: float, seed: int
) -> LossChange:
    """Compare two models on the same documents; long documents weigh more, as in the loss.

    Raises
    ------
    ValueError
        If the documents or their targets are not the same.
    """
    if before.keys != after.keys or (before.tokens != after.tokens).any():
        raise ValueError(
            "the two models were not evaluated on the same targets; evaluate both on one split, "
            "with the same tokenizer"
        )
    document = np.repeat(np.arange(len(before.keys)), before.tokens).tolist()
    first, second = (np.repeat(x.nats / x.tokens, x.tokens) for x in (before, after))
    comparison = compare(
        first, second, document, seed=seed, resamples=resamples, confidence=confidence
    )
    return LossChange(
        before=before.loss,
        after=after.loss,
        bits_before=before.bits_per_byte,
        bits_after=after.bits_per_byte,
        perplexity=math.expm1(after.loss - before.loss),
        low=math.expm1(comparison.low),
        high=math.expm1(comparison.high),
        comparison=comparison,
    )


def changes(
    before: Mapping[Key, Losses],
    after: Mapping[Key, Losses],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[Key, LossChange]:
    """`change` of everything in `after` from what has the same key in `before`.

    The p-values are corrected together (Holm, 1979).
    """
    options: Any = {"resamples": resamples, "confidence": confidence, "seed": seed}
    by_key = {key: change(before[key], losses, **options) for key, losses in after.items()}
    corrected = together({str(key): each.comparison for key, each in by_key.items()})
    return {key: replace(e, comparison=corrected[str(key)]) for key, e in by_key.items()}
