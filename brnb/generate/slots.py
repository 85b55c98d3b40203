"""Keys and values in slots, and attention to them.

A slot holds one sequence from position 0 on, without padding, so that a token's position is its
place in the slot. Sequences of different ages therefore decode together, and a finished one gives
its slot to the next: continuous batching (Yu et al., 2022, "Orca"). Pieces of prompts are read
one after the other in one row, and what a piece attends to is in its slot already: the beginning
of a longer prompt, or one that all prompts share.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from brnb.ops.decoding import attend_slots

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Piece(NamedTuple):
    """Tokens of a prompt that are read together: where they go, and from which position on."""

    slot: int
    start: int
    ids: Sequence[int]


class Slots:
    """Keys and values of `count` sequences of at most `length` tokens, and of no one's.

    Parameters
    ----------
    model
        Gives the shapes, the precision and the device.
    count, length
        How many sequences, and of how many tokens each.
    """

    def __init__(self, model: "PreTrainedModel", count: int, length: int) -> None:
        config = model.config.get_text_config()
        heads = config.num_key_value_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        # one more slot takes what fills up a pass
        shape = (config.num_hidden_layers, count + 1, length, heads, size)
        self.count, self.length = count, length
        self.keys = list(torch.zeros(shape, dtype=model.dtype, device=model.device))
        self.values = list(torch.zeros(shape, dtype=model.dtype, device=model.device))
        self.rows: Tensor  # place of each token of the pass at hand, (N,)
        self.positions: Tensor  # its position in the slot, (N,)
        self.pieces: Sequence[Piece] = ()  # none: the pass reads one token of each slot
        self.edges: tuple[Tensor, Tensor, Tensor]

    def direct(self, rows: Tensor, positions: Tensor, pieces: Sequence[Piece] = ()) -> "Slots":
        """Say what the next pass reads; returns the slots themselves."""
        self.rows, self.positions, self.pieces = rows, positions, pieces
        if pieces and rows.is_cuda:
            edges = [
                [0, *accumulate(len(piece.ids) for piece in pieces)],
                [*(piece.slot * self.length for piece in pieces), len(self.keys[0]) * self.length],
                [*(piece.start + len(piece.ids) for piece in pieces), 0],
            ]
            begin, place, seen = sent(torch.tensor(edges, dtype=torch.int32), rows.device)
            self.edges = begin, place, seen[:-1]
        return self

    def share(self, length: int) -> None:
        """Give the first `length` tokens of slot 0 to all slots."""
        for whole in (*self.keys, *self.values):
            whole[1 : self.count, :length] = whole[0, :length]

    def rows_of(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of a layer, (places, K, D) each."""
        return self.keys[layer].flatten(0, 1), self.values[layer].flatten(0, 1)

    def store(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Keep keys and values (N, K, D) of the pass at hand."""
        all_keys, all_values = self.rows_of(layer)
        all_keys[self.rows], all_values[self.rows] = keys, values

    def attend(self, layer: int, q: Tensor, scale: float) -> Tensor:
        """Attention of queries (N, H, D) to what the slots hold up to each one's position.

        Rows of a pass that belong to no piece mean nothing.
        """
        keys, values = self.keys[layer], self.values[layer]
        if self.pieces:
            if q.is_cuda and q.dtype in (torch.bfloat16, torch.float16):
                return _flash(q, keys, values, self.edges, self.pieces, scale)
            return _piece_by_piece(q, keys, values, self.pieces, scale)
        return attend_slots(q, keys, values, self.positions, scale)


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Values on a device, without waiting for what it does."""
    if device.type == "cpu":
        return values
    return values.pin_memory().to(device, non_blocking=True)


def _flash(
    q: Tensor,
    keys: Tensor,
    values: Tensor,
    edges: tuple[Tensor, Tensor, Tensor],
    pieces: Sequence[Piece],
    scale: float,
) -> Tensor:
    """FlashAttention-2 (Dao, 2023) for sequences of different lengths.

    A piece's keys begin at its slot, whatever stands before: so says `seqused_k`, and the kernel
    counts the causal mask from the last key.
    """
    begin, place, seen = edges
    out: Tensor = torch.ops.aten._flash_attention_forward(
        q,
        keys.flatten(0, 1),
        values.flatten(0, 1),
        begin,
        place,
        max(len(piece.ids) for piece in pieces),
        max(piece.start + len(piece.ids) for piece in pieces),
        0.0,
        True,
        False,
        scale=scale,
        seqused_k=seen,
    )[0]
    return out


def _piece_by_piece(
    q: Tensor, keys: Tensor, values: Tensor, pieces: Sequence[Piece], scale: float
) -> Tensor:
    out, begin = torch.zeros_like(q), 0
    for slot, start, ids in pieces:
        end, seen = begin + len(ids), start + len(ids)
        mask = torch.ones(len(ids), seen, dtype=torch.bool, device=q.device).tril(start)
        new, k, v = (
            x.transpose(0, 1)[None] for x in (q[begin:end], keys[slot, :seen], values[slot, :seen])
        )
        heads = F.scaled_dot_product_attention(new, k, v, mask, scale=scale, enable_gqa=True)
        out[begin:end] = heads[0].transpose(0, 1)
        begin = end
    return out
