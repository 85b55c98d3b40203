"""Packed attention for models of Transformers: their attention function, for a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from brnb.ops.packed_attention import attend

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PACKED = "brnb_packed"  # our name among the attention functions of transformers


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
