"""The step of one sequence, as fast as its weights are read: a layer is five kernels."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brnb.generate.readers import DecoderLayer, LlamaReader, PlainReader, Reader, is_replayed
from brnb.generate.slots import Slots
from brnb.ops import streaming

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FIXED_ANGLES = ("default", "linear", "llama3", "yarn")  # kinds of RoPE that don't look at lengths


def reader(model: "PreTrainedModel", slots: int, length: int, in_8_bits: bool = False) -> Reader:
    """The fastest reader of a model into so many slots of a length.

    Raises
    ------
    ValueError
        If products are asked for in 8 bits that this model or device does not have.
    """
    if in_8_bits:
        _check_8_bits(model)
    if not is_replayed(model):
        return PlainReader(model)
    fixed = model.config.rope_parameters["rope_type"] in FIXED_ANGLES
    size = model.model.layers[0].self_attn.head_dim
    one = slots == 1 and fixed and streaming.has_step_kernels(size, model.device)
    return StreamedReader(model, length, in_8_bits) if one else LlamaReader(model, in_8_bits)


def _check_8_bits(model: "PreTrainedModel") -> None:
    if not is_replayed(model):
        raise ValueError(f"in_8_bits: no layers of {model.config.model_type} in 8 bits; leave it")
    if model.device.type == "cuda":
        capability = torch.cuda.get_device_capability(model.device)
        if capability < (8, 9) or model.dtype != torch.bfloat16:
            raise ValueError(
                f"in_8_bits: {model.dtype} on a GPU of compute capability {capability}: products "
                "in 8 bits want bf16 and 8.9 (Ada, Hopper); leave it"
            )


class StreamedReader(LlamaReader):
    """Llama's layers, whose steps read one token.

    Parameters
    ----------
    model, length, in_8_bits
        As for `reader`.
    """

    def __init__(self, model: "PreTrainedModel", length: int, in_8_bits: bool = False) -> None:
        super().__init__(model, in_8_bits)
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
            x, norm.weight, norm.variance_epsilon, head, None, head[:0]
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
        after = [layer.maps.qkv.values for layer in self.layers[1:]] + [self.model.lm_head.weight]
        for layer, ahead in zip(self.layers, after, strict=True):
            self._read_one(layer, x, begin, position, slots, ahead)
        return x

    def _read_one(
        self,
        layer: DecoderLayer,
        x: Tensor,
        begin: Tensor,
        position: Tensor,
        slots: Slots,
        ahead: Tensor,
    ) -> None:
        """A layer, in place on the residual stream (d,)."""
        first, second, maps = layer.first, layer.second, layer.maps
        qkv = streaming.normed_product(
            x, first.weight, first.variance_epsilon, *maps.qkv, maps.out.values
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
            maps.gate_up.values,
        )
        streaming.add_product(x, heads, *maps.out, maps.out.values[:0])
        inner = streaming.gated_product(
            x, second.weight, second.variance_epsilon, *maps.gate_up, maps.down.values
        )
        streaming.add_product(x, inner, *maps.down, ahead)
