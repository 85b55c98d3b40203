"""What a trained model's attention is, and what it is worth with fewer keys to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from brnb.algorithms.sparse_masks import MaskRule, causally, dense
from brnb.evaluate.intrinsic import DocumentNats, by_document
from brnb.train.rows import TokenRow


class Masked(TorchFunctionMode):
    """Inside this block attention sees what `mask` lets it see, whatever the model asks for.

    Parameters
    ----------
    mask
        Which keys a query may see, boolean (n, n); n at least the length of the texts.
    """

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.mask = mask

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function, or attention with the mask."""
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        q, k, v, *_ = args
        mask = self.mask[: q.shape[-2], : k.shape[-2]]
        return func(q, k, v, mask, enable_gqa=k.shape[1] < q.shape[1])


class Recorded(TorchFunctionMode):
    """Inside this block the queries and keys of every attention are kept, in `calls`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call the function."""
        if func is F.scaled_dot_product_attention:
            self.calls.append((args[0].detach(), args[1].detach()))
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Quality:
    """A model with a mask, beside itself without.

    Attributes
    ----------
    bits_per_byte
        With the mask.
    share, low, high
        Bits per byte without a mask over those with it, and its interval over documents: 1 if the
        mask takes nothing away.
    seen
        Share of the pairs of a causal model that the mask lets it see.
    """

    bits_per_byte: float
    share: float
    low: float
    high: float
    seen: float


def qualities(
    model: nn.Module,
    row: TokenRow,
    window: int,
    end: int,
    masks: Mapping[str, MaskRule],
    resamples: int,
    seed: int,
    confidence: float,
) -> dict[str, Quality]:
    """Evaluate a causal Transformer with each mask, all without training it again.

    Parameters
    ----------
    model, row, window, end
        As for `brnb.evaluate.intrinsic.by_document`.
    masks
        By name; what they show of later tokens is left out.
    resamples, seed, confidence
        Of the paired bootstrap over documents.
    """
    device = next(model.parameters()).device
    full, random = by_document(model, row, window, end), np.random.default_rng(seed)
    count = len(full.nats)
    draws = random.multinomial(count, np.full(count, 1 / count), size=resamples)
    tail = (1 - confidence) / 2
    results = {}
    for name, mask in masks.items():
        seen = dense(causally(mask), window, device)
        with Masked(seen):
            masked = by_document(model, row, window, end)
        low, high = np.quantile((draws @ full.nats) / (draws @ masked.nats), [tail, 1 - tail])
        pairs = window * (window + 1) / 2
        results[name] = Quality(
            masked.bits_per_byte, _share(full, masked), low, high, seen.sum().item() / pairs
        )
    return results


def _share(full: DocumentNats, masked: DocumentNats) -> float:
    return float(full.nats.sum() / masked.nats.sum())


def attention_matrices(model: nn.Module, ids: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Scores and weights of every block, fp32, each (B, heads, T, T); later keys weigh nothing."""
    with torch.no_grad(), Recorded() as recorded:
        model.eval()(ids)
    later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
    matrices = []
    for q, k in recorded.calls:
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
        scores = q.float() @ k.float().mT / q.shape[-1] ** 0.5
        matrices.append((scores, scores.masked_fill(later, -torch.inf).softmax(-1)))
    return matrices
