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
        self.arrived = torch.zeros(
            model.config.num_key_value_heads, dtype=torch.int32, device=model.device
        )

    def logits(self, ids: Tensor, positions: Tensor, slots: Slots) -> Tensor:
        """See `Reader`; one token."""
        x = self.core.embed_tokens(ids)[0]
        for layer in self.layers:
            self._read_one(layer, x, positions, slots)
        norm = self.core.norm
        return streaming.normed_product(
            x, norm.weight, norm.variance_epsilon, self.model.lm_head.weight
        )[None]

    def _read_one(self, layer: Layer, x: Tensor, position: Tensor, slots: Slots) -> None:
        """A layer, in place on the residual stream (d,)."""
        first, second = layer.first, layer.second
        qkv = streaming.normed_product(x, first.weight, first.variance_epsilon, layer.qkv)
        heads = streaming.attend_one(
            qkv,
            layer.gains,
            layer.eps,
            *self.angles,
            slots.rows,
            position,
            *slots.rows_of(layer.number),
            self.arrived,
            layer.scale,
        )
        streaming.add_product(x, heads, layer.out)
        inner = streaming.gated_product(x, second.weight, second.variance_epsilon, layer.gate_up)
        streaming.add_product(x, inner, layer.down)
