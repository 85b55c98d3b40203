"""The step of one sequence, as fast as its weights are read: a layer is five kernels."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brnb.generate.readers import Layer, LlamaReader, PlainReader, Reader, is_replayed
from brnb.generate.slots import Slots
from brnb.ops import streaming

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FIXED_ANGLES = ("default", "linear", "llama3", "yarn")  # kinds of RoPE that don't look at lengths


def reader(model: "PreTrainedModel", slots: int, length: int) -> Reader:
    """The fastest reader of a model into so many slots of a length."""
    if not is_replayed(model):
        return PlainReader(model)
    fixed = model.config.rope_parameters["rope_type"] in FIXED_ANGLES
    size = model.model.layers[0].self_attn.head_dim
    one = slots == 1 and fixed and streaming.fits(size, model.device)
    return StreamedReader(model, length) if one else LlamaReader(model)


class StreamedReader(LlamaReader):
    """Llama's layers, whose steps read one token.

    Parameters
    ----------
    model, length
        The model, and how many tokens its one slot holds.
    """

    def __init__(self, model: "PreTrainedModel", length: int) -> None:
        super().__init__(model)
        first = model.get_input_embeddings().weight
        with torch.inference_mode():
            cos, sin = self.core.rotary_emb(first, torch.arange(length, device=model.device)[None])
        self.angles = cos[0].contiguous(), sin[0].contiguous()
        heads = model.config.num_key_value_heads
        self.arrived = torch.zeros(heads, dtype=torch.int32, device=model.device)
        self.best = torch.full((1,), streaming.LEAST, device=model.device)

    def logits(self, ids: Tensor, positions: Tensor, slots: Slots) -> Tensor:
        """See `Reader`; one token."""
        x = self._stream(ids, slots.rows - positions, positions, slots)
        norm, head = self.core.norm, self.model.lm_head.weight
        return streaming.normed_product(
            x, norm.weight, norm.variance_epsilon, head, self.layers[0].qkv
        )[None]

    def greedy_step(
        self, last: Tensor, begins: Tensor, position: Tensor, slots: Slots, spare: int
    ) -> None:
        """Put the most probable token into `last`, and go to the next position; all (1,).

        Parameters
        ----------
        begins, spare
            First row of the sequence; that of a slot which is no one's.
        """
        x = self._stream(last, begins, position, slots)
        norm, head = self.core.norm, self.model.lm_head.weight
        streaming.best_score(x, norm.weight, norm.variance_epsilon, head, self.best)
        streaming.advance(self.best, last, begins, position, spare, slots.length)

    def _stream(self, ids: Tensor, begin: Tensor, position: Tensor, slots: Slots) -> Tensor:
        """The residual stream (d,) after all layers."""
        x = self.core.embed_tokens(ids)[0]
        after = [layer.qkv for layer in self.layers[1:]] + [self.model.lm_head.weight]
        for layer, ahead in zip(self.layers, after, strict=True):
            self._read_one(layer, x, begin, position, slots, ahead)
        return x

    def _read_one(
        self,
        layer: Layer,
        x: Tensor,
        begin: Tensor,
        position: Tensor,
        slots: Slots,
        ahead: Tensor,
    ) -> None:
        """A layer, in place on the residual stream (d,)."""
        first, second = layer.first, layer.second
        qkv = streaming.normed_product(
            x, first.weight, first.variance_epsilon, layer.qkv, layer.out
        )
        heads = streaming.attend_one(
            qkv,
            layer.gains,
            layer.eps,
            *self.angles,
            begin,
            position,
            *slots.rows_of(layer.number),
            self.arrived,
            layer.scale,
            layer.gate_up,
        )
        streaming.add_product(x, heads, layer.out, layer.gate_up[:0])
        inner = streaming.gated_product(
            x, second.weight, second.variance_epsilon, layer.gate_up, layer.down
        )
        streaming.add_product(x, inner, layer.down, ahead)
