"""Causal attention that never looks across the documents of a pack."""

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(
    q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int], scale: float | None = None
) -> Tensor:
    """Causal attention within each document.

    Documents of one length are a batch; of several lengths, one call of FlashAttention's kernel
    for sequences of variable length (GPU, 16 bits), else one of PyTorch's attention for each.

    Parameters
    ----------
    q
        Queries, shape (T, H, D).
    k, v
        Keys and values, shape (T, H_kv, D); each head of them serves H / H_kv of queries.
    lengths
        Tokens of the documents, one after the other; their sum is T.
    scale
        Of the scores; None: 1/sqrt(D).

    Returns
    -------
    Tensor
        Shape (T, H, D).

    Raises
    ------
    ValueError
        If the lengths do not add up to T.
    """
    if sum(lengths) != len(q):
        raise ValueError(f"documents of {sum(lengths)} tokens together, but {len(q)} queries")
    if len(set(lengths)) == 1:
        return _batch(q, k, v, len(lengths), scale)
    if q.is_cuda and q.dtype in (torch.bfloat16, torch.float16):
        return _varlen(q, k, v, lengths, scale)
    parts = zip(*(x.split(list(lengths)) for x in (q, k, v)), strict=True)
    return torch.cat([_batch(qs, ks, vs, 1, scale) for qs, ks, vs in parts])


def _batch(q: Tensor, k: Tensor, v: Tensor, count: int, scale: float | None) -> Tensor:
    """Attention of documents of one length."""
    q, k, v = (x.unflatten(0, (count, -1)).transpose(1, 2) for x in (q, k, v))
    grouped = q.shape[1] != k.shape[1]
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=grouped)
    return out.transpose(1, 2).flatten(0, 1)


def _varlen(q: Tensor, k: Tensor, v: Tensor, lengths: Sequence[int], scale: float | None) -> Tensor:
    """Attention of documents of several lengths in one kernel.

    `torch.nn.attention.varlen` wraps the same operator; its face changes from release to release,
    and before 2.12 it had no grouped queries.
    """
    edges = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(q.device)
    longest = max(lengths)
    outputs = torch.ops.aten._flash_attention_forward(
        q, k, v, edges, edges, longest, longest, 0.0, True, False, scale=scale
    )
    return outputs[0]
