"""A key-value cache in slots, for any causal language model of transformers.

A slot holds one sequence from position 0 on, without padding, so that a token's position is its
place in the slot. Sequences of different ages therefore decode together, and a finished one gives
its slot to the next: continuous batching (Yu et al., 2022, "Orca").
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface
from transformers.cache_utils import Cache

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ATTENTION = "brnb_slots"


class SlotCache(Cache):
    """Keys and values of `slots` sequences of at most `length` tokens.

    Parameters
    ----------
    model
        Gives the shapes, the precision and the device.
    slots, length
        How many sequences, and of how many tokens each.
    """

    def __init__(self, model: "PreTrainedModel", slots: int, length: int) -> None:
        super().__init__(layers=[])
        config = model.config.get_text_config()
        heads = config.num_key_value_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        # one more slot takes what the dummy rows of a batch write
        shape = (config.num_hidden_layers, slots + 1, heads, length, size)
        self.slots, self.length = slots, length
        self.keys = list(torch.zeros(shape, dtype=model.dtype, device=model.device))
        self.values = list(torch.zeros(shape, dtype=model.dtype, device=model.device))
        self.rows: Tensor  # (B, 1): slot of each row of the batch at hand
        self.positions: Tensor  # (B, T): where its tokens go
        self.whole = False  # whether the batch attends to its slots, or to itself alone

    def at(self, rows: Tensor, positions: Tensor, whole: bool) -> "SlotCache":
        """Direct the next forward pass; returns the cache itself."""
        self.rows, self.positions, self.whole = rows, positions, whole
        return self

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Store keys and values (B, H, T, D); return what the batch attends to."""
        keys, values = self.keys[layer_idx], self.values[layer_idx]
        keys[self.rows, :, self.positions] = key_states.transpose(1, 2)
        values[self.rows, :, self.positions] = value_states.transpose(1, 2)
        if self.whole:
            return keys[: self.slots], values[: self.slots]
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nothing is behind a batch but what its positions say."""
        return 0


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention within new prompts, or of one new token a slot to all of its slot.

    Query heads that share a key head are stacked as if they were queries of it, so grouped keys
    are never repeated in memory.

    Parameters
    ----------
    query
        (B, heads, T, D); T is 1 where there is a mask.
    key, value
        (B, key heads, T or length, D).
    attention_mask
        None for prompts; else (B, 1, 1, length), true where a slot holds a token.
    """
    if attention_mask is None:
        out = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling, enable_gqa=True
        )
        return out.transpose(1, 2), None
    grouped = query.squeeze(2).unflatten(1, (key.shape[1], -1))
    # two plain products would be faster at many slots, but round the scores to the model's dtype
    out = F.scaled_dot_product_attention(grouped, key, value, attention_mask, scale=scaling)
    return out.flatten(1, 2)[:, None], None


AttentionInterface.register(ATTENTION, attend)


@contextmanager
def slot_attention(model: "PreTrainedModel") -> Iterator[None]:
    """Let a model attend as `attend` does inside this block."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
