"""Causal attention of heads: to all tokens so far or to a window, and with sinks."""

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    window: int | None = None,
    sinks: Tensor | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Softmax(QK^T · scale) V, each query up to its own token, the last of the keys (Eq. 3.1).

    Parameters
    ----------
    q, k, v
        Queries (B, heads, T, d), keys (B, kv_heads, S, d) and values (B, kv_heads, S, d_v) of all
        tokens so far, the T new ones last.
    window
        Tokens that a query sees, its own among them; None for all.
    sinks
        A logit a head, (heads,), that stands in the softmax's sum beside those of the keys.
    scale
        Of the products; None for 1 / sqrt(d).
    dropout
        Share of the weights that are dropped.

    Returns
    -------
    Tensor
        Shape (B, heads, T, d_v).
    """
    mask = attention_mask(q.shape[2], k.shape[2], window, q.device)
    if sinks is not None:
        return _with_sinks(q, k, v, mask, sinks, scale, dropout)
    causal = mask is None and q.shape[2] == k.shape[2]
    shared = k.shape[1] < q.shape[1]
    return F.scaled_dot_product_attention(
        q, k, v, mask, dropout, is_causal=causal, scale=scale, enable_gqa=shared
    )


def attention_mask(new: int, seen: int, window: int | None, device: torch.device) -> Tensor | None:
    """Which of `seen` tokens each of the `new` last ones sees, (new, seen).

    None where ``is_causal`` says it, as it begins with the first key, or one query sees all.
    """
    if (window is None or window >= seen) and new in (1, seen):
        return None
    everything = torch.ones(new, seen, dtype=torch.bool, device=device)
    mask = everything.tril(seen - new)
    return mask if window is None else mask.triu(seen - new - window + 1)


def _with_sinks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    sinks: Tensor,
    scale: float | None,
    dropout: float,
) -> Tensor:
    groups = k.shape[1], q.shape[1] // k.shape[1]
    scores = q.unflatten(1, groups) @ k.unsqueeze(2).mT * (scale or q.shape[-1] ** -0.5)
    new, seen = scores.shape[-2:]
    if mask is None:
        mask = torch.ones(new, seen, dtype=torch.bool, device=q.device).tril(seen - new)
    scores = scores.masked_fill(~mask, float("-inf"))
    column = sinks.type_as(scores).view(*groups, 1, 1).expand(*scores.shape[:-1], 1)
    weights = torch.cat((scores, column), dim=-1).softmax(-1)[..., :-1]
    y = F.dropout(weights, dropout).type_as(v) @ v.unsqueeze(2)
    return y.flatten(1, 2)
