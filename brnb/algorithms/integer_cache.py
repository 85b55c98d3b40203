"""A cache of keys and values in integers: what it changes in a model's answers (B.3.2.2)."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.theory.quantisation import levels

State = tuple[Tensor, ...]
CachingModel = Callable[[Tensor, State | None], tuple[Tensor, State]]


def rounded(cache: Tensor, bits: int, clip: float | None = None) -> Tensor:
    """Keys or values as they come back from integers (Eqs. B.127, B.128).

    Parameters
    ----------
    cache
        Shape (..., head_dim); every vector has a scale of its own.
    bits
        Of an integer: 8 or fewer.
    clip
        alpha in root mean squares of the vector; its largest number without it.
    """
    top = levels(bits)
    wide = cache.float()
    if clip is None:
        alpha = wide.abs().amax(-1, keepdim=True)
    else:
        alpha = clip * wide.square().mean(-1, keepdim=True).sqrt()
    step = alpha.clamp_min(torch.finfo(torch.float32).tiny) / top
    return ((wide / step).round().clamp(-top, top) * step).to(cache.dtype)


def relative_error(cache: State, bits: int, clip: float | None = None) -> float:
    """Root mean squared error of a rounded cache, as a share of the cache's own size."""
    error = sum(float((rounded(c, bits, clip) - c).double().square().sum()) for c in cache)
    size = sum(float(c.double().square().sum()) for c in cache)
    return float((error / size) ** 0.5)


@torch.no_grad()
def continuation_nats(
    model: CachingModel, ids: Tensor, prompt: int, rounding: Callable[[Tensor], Tensor]
) -> Tensor:
    """Nats of each token after the prompt, whose keys and values were rounded.

    Parameters
    ----------
    model
        Takes ids (B, T) and a state; returns logits (B, T, V) and the state.
    ids
        Shape (B, T).
    prompt
        Tokens whose cache is rounded; those after it see it so.
    rounding
        Of one tensor of the state; the identity gives the model as it is.

    Returns
    -------
    Tensor
        Shape (B, T - prompt - 1), fp32.

    Raises
    ------
    ValueError
        If nothing follows the prompt.
    """
    if not 0 < prompt < ids.shape[1] - 1:
        raise ValueError(f"prompt = {prompt}: of {ids.shape[1]} tokens at least two must follow")
    _, state = model(ids[:, :prompt], None)
    logits, _ = model(ids[:, prompt:-1], tuple(rounding(part) for part in state))
    targets = ids[:, prompt + 1 :]
    return F.cross_entropy(logits.float().mT, targets, reduction="none")


@torch.no_grad()
def prompt_state(model: CachingModel, ids: Tensor) -> State:
    """Keys and values of all tokens, two tensors a layer."""
    return tuple(model(ids, None)[1])


def disjoint_windows(ids: Sequence[int], length: int, count: int) -> Tensor:
    """The first `count` windows of `length` tokens that do not overlap, (count, length).

    Raises
    ------
    ValueError
        If there are fewer tokens than that.
    """
    if len(ids) < length * count:
        raise ValueError(f"{len(ids)} tokens: {count} windows need {length * count}")
    return torch.tensor(ids[: length * count], dtype=torch.long).reshape(count, length)
