"""A model's pass over tokens in slots: Llama's with joined products, any other as it stands."""

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from brnb.bases.attention import attention_by
from brnb.bases.llama import WITH_HEAD_NORMS, is_plain_llama
from brnb.generate.slots import Slots
from brnb.ops import decoding
from brnb.ops.eight_bits import (
    Weight,
    gated_in_8_bits,
    normed_in_8_bits,
    product,
    rows_in_8_bits,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ATTENTION = "brnb_slots"  # our name among the attention functions of transformers


class Reader(Protocol):
    """Reads tokens, shape (N,), at their positions into slots that were directed to them."""

    def fill(self, ids: Tensor, positions: Tensor, slots: Slots) -> None:
        """Leave the keys and values in the slots."""

    def logits(self, ids: Tensor, positions: Tensor, slots: Slots) -> Tensor:
        """Score the token that follows each, shape (N, V)."""


class PlainReader:
    """Any causal language model that transformers lets choose its attention."""

    def __init__(self, model: "PreTrainedModel") -> None:
        self.model: Any = model

    def fill(self, ids: Tensor, positions: Tensor, slots: Slots) -> None:
        """See `Reader`."""
        with attention_by(self.model, ATTENTION, _interface):
            self.model.base_model(
                input_ids=ids[None], position_ids=positions[None], use_cache=False, slots=slots
            )

    def logits(self, ids: Tensor, positions: Tensor, slots: Slots) -> Tensor:
        """See `Reader`."""
        with attention_by(self.model, ATTENTION, _interface):
            logits: Tensor = self.model(
                input_ids=ids[None], position_ids=positions[None], use_cache=False, slots=slots
            ).logits[0]
        return logits


class LlamaReader:
    """Llama's layers: maps that read the same input as one product, all between them fused.

    The model stays usable; its maps become views of the joined ones.

    Parameters
    ----------
    model
        A model that `is_replayed`.
    in_8_bits
        Whether the layers' products are (`brnb.ops.eight_bits`); the head's is not.
    """

    def __init__(self, model: "PreTrainedModel", in_8_bits: bool = False) -> None:
        self.model: Any = model
        self.core = self.model.model
        kind = EightBitLayer if in_8_bits else DecoderLayer
        self.layers = [kind(module, i) for i, module in enumerate(self.core.layers)]

    def fill(self, ids: Tensor, positions: Tensor, slots: Slots) -> None:
        """See `Reader`; of the last layer, nothing but keys and values is computed."""
        x, rope = self._begin(ids, positions)
        *before, last = self.layers
        for layer in before:
            layer(x, rope, slots)
        last.queries(x, rope, slots)

    def logits(self, ids: Tensor, positions: Tensor, slots: Slots) -> Tensor:
        """See `Reader`."""
        x, rope = self._begin(ids, positions)
        for layer in self.layers:
            layer(x, rope, slots)
        return F.linear(_normed(x, self.core.norm), self.model.lm_head.weight)

    def _begin(self, ids: Tensor, positions: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x = self.core.embed_tokens(ids)
        cos, sin = (part[0].contiguous() for part in self.core.rotary_emb(x, positions[None]))
        return x, (cos, sin)


class Maps(NamedTuple):
    """A layer's matrices, those that read the same input joined."""

    qkv: Weight
    out: Weight
    gate_up: Weight
    down: Weight


class DecoderLayer:
    """One decoder layer, in place on the residual stream (N, d).

    Attributes
    ----------
    gains, eps
        Of the norms of queries and keys, where a model has them.
    """

    def __init__(self, module: Any, number: int) -> None:
        attention, mlp = module.self_attn, module.mlp
        self.number, self.scale = number, attention.scaling
        self.first, self.second = module.input_layernorm, module.post_attention_layernorm
        norms = [attention.q_norm, attention.k_norm] if hasattr(attention, "q_norm") else []
        self.gains = [norm.weight for norm in norms]
        self.eps = norms[0].variance_epsilon if norms else 0.0
        self.maps = Maps(
            Weight(joined_weights(attention.q_proj, attention.k_proj, attention.v_proj)),
            Weight(attention.o_proj.weight),
            Weight(joined_weights(mlp.gate_proj, mlp.up_proj)),
            Weight(mlp.down_proj.weight),
        )

    def __call__(self, x: Tensor, rope: tuple[Tensor, Tensor], slots: Slots) -> None:
        heads = slots.attend(self.number, self.queries(x, rope, slots), self.scale)
        x.addmm_(heads.flatten(1), self.maps.out.values.t())
        gate_up = F.linear(_normed(x, self.second), self.maps.gate_up.values)
        x.addmm_(decoding.swiglu(gate_up), self.maps.down.values.t())

    def queries(self, x: Tensor, rope: tuple[Tensor, Tensor], slots: Slots) -> Tensor:
        """Store keys and values; return the queries (N, H, D)."""
        qkv = F.linear(_normed(x, self.first), self.maps.qkv.values)
        return self._stored(qkv, rope, slots)

    def _stored(self, qkv: Tensor, rope: tuple[Tensor, Tensor], slots: Slots) -> Tensor:
        stored = slots.rows_of(self.number)
        return decoding.rotate_and_store(qkv, self.gains, self.eps, *rope, slots.rows, *stored)


class EightBitLayer(DecoderLayer):
    """The same with products in 8 bits."""

    def __init__(self, module: Any, number: int) -> None:
        super().__init__(module, number)
        with torch.no_grad():
            self.maps = Maps(*(Weight(*rows_in_8_bits(one.values.detach())) for one in self.maps))

    def __call__(self, x: Tensor, rope: tuple[Tensor, Tensor], slots: Slots) -> None:
        heads = slots.attend(self.number, self.queries(x, rope, slots), self.scale)
        x += product(rows_in_8_bits(heads.flatten(1)), self.maps.out)
        normed = normed_in_8_bits(x, self.second.weight, self.second.variance_epsilon)
        inner = gated_in_8_bits(product(normed, self.maps.gate_up))
        x += product(inner, self.maps.down)

    def queries(self, x: Tensor, rope: tuple[Tensor, Tensor], slots: Slots) -> Tensor:
        """See `DecoderLayer`."""
        normed = normed_in_8_bits(x, self.first.weight, self.first.variance_epsilon)
        return self._stored(product(normed, self.maps.qkv), rope, slots)


def joined_weights(*maps: nn.Linear) -> Tensor:
    """The matrices of maps that read the same input as one, of which they become views."""
    weights = [m.weight for m in maps]
    sizes = [len(weight) for weight in weights]
    first, columns = weights[0], weights[0].shape[1]
    after = first.data_ptr()
    follow = True
    for weight in weights:
        same = weight.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        follow &= same and weight.is_contiguous() and weight.data_ptr() == after
        after += weight.nbytes
    if follow:  # by an earlier reader of the same model
        return first.detach().as_strided((sum(sizes), columns), (columns, 1))
    with torch.inference_mode(False), torch.no_grad():
        whole = torch.cat([weight.detach() for weight in weights])
    for weight, part in zip(weights, whole.split(sizes), strict=True):
        weight.data = part
    return whole


def _normed(x: Tensor, norm: Any) -> Tensor:
    return decoding.rms_norm(x, norm.weight, norm.variance_epsilon)


def is_replayed(model: "PreTrainedModel") -> bool:
    """Whether `LlamaReader` computes this model: Llama's family, in plain maps without biases."""
    config: Any = model.config
    maps = [part for name, part in model.named_modules() if name.endswith(("_proj", "lm_head"))]
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    fits = size & (size - 1) == 0 and all(type(part) is nn.Linear for part in maps)
    return fits and is_plain_llama(
        config, maps, WITH_HEAD_NORMS
    )  # the kernels' heads are powers of two


def _interface(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    *,
    slots: Slots,
    **ignored: Any,
) -> tuple[Tensor, None]:
    """In the form of transformers' attention functions, (1, H, N, D) to (1, N, H, D)."""
    window = ignored.get("sliding_window")
    if ignored.get("softcap") or (window and window < slots.length):
        raise ValueError("attention in slots has no window or softcap: choose a base without them")
    q, k, v = (x[0].transpose(0, 1).contiguous() for x in (query, key, value))
    slots.store(module.layer_idx, k, v)
    return slots.attend(module.layer_idx, q, scaling or q.shape[-1] ** -0.5)[None], None
