"""Causal attention that never looks across the documents of a pack."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACKED = "brnb_packed"  # our name among the attention functions of transformers


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
    found = torch.ops.aten._flash_attention_forward(
        q, k, v, edges, edges, longest, longest, 0.0, True, False, scale=scale
    )
    return found[0]


def packed_attention(model: "PreTrainedModel") -> AbstractContextManager[None]:
    """Let a model of transformers attend within documents only.

    Inside, call it with ``lengths``, the tokens of each document, and with ``position_ids`` that
    begin at 0 in each, a batch of 1. It has no mask: a causal one, whole, is what `attend` is.
    """
    return attention_by(model, PACKED, _interface)


@contextmanager
def attention_by(
    model: "PreTrainedModel", name: str, function: Callable[..., tuple[Tensor, None]]
) -> Iterator[None]:
    """Let a model of transformers attend by a function in the form of transformers' own.

    Parameters
    ----------
    model
        Called inside with the keywords that the function takes beside the usual ones.
    name, function
        The function, and its name among those of transformers.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(name, function)
    config = model.config.get_text_config()
    before, config._attn_implementation = config._attn_implementation, name
    try:
        yield
    finally:
        config._attn_implementation = before


def _interface(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    lengths: Sequence[int],
    **ignored: Any,
) -> tuple[Tensor, None]:
    """`attend` in the form of transformers' attention functions, (1, H, T, D) to (1, T, H, D)."""
    if dropout or ignored.get("sliding_window") or ignored.get("softcap"):
        raise ValueError(
            "packed attention has no dropout, window or softcap: choose a base without them"
        )
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    return attend(q, k, v, lengths, scaling)[None], None
