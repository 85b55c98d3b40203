"""Llama's layers for training adapters: no matrix product is computed twice.

Autograd, left alone, keeps the inputs of all products, norms and activations. Here each half layer
is one function that keeps the residual stream and the results of the products; norm, rotation and
SwiGLU, cheap beside the products, are computed again in the backward pass. In 16 bits that is
2(4d + 2d_kv + 2d_ff) bytes a token and layer: 94 kB for 8B. Frozen maps have no gradient of their
own, so half of a usual backward pass does not exist.

Shapes: T tokens, d the residual stream, N outputs and K inputs of a group of maps, R its rank.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils.checkpoint import checkpoint

from brnb.bases.llama import is_plain_llama
from brnb.bases.shards import shards_of
from brnb.finetune.lora import Adapter, Group, adapted_layers, adapters, base_map, base_of
from brnb.ops.elementwise import rms_norm, rms_norm_backward, rotate_into, swiglu, swiglu_backward
from brnb.ops.packed_attention import attend

if TYPE_CHECKING:
    from peft import PeftModel


def adapted_product(
    x: Tensor, weight: Tensor, down: Tensor, up: Tensor, plus: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y = x W' + (x A') B' (+ plus), shape (T, N), and x A', (T, R).

    The large product adds to the small one as it writes: y passes through memory once less.
    """
    middle = x @ down.t()
    y = middle @ up.t() if plus is None else torch.addmm(plus, middle, up.t())
    return y.addmm_(x, weight.t()), middle


def adapted_product_backward(
    grad: Tensor, x: Tensor, middle: Tensor, weight: Tensor, down: Tensor, up: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, A and B."""
    inner = grad @ up
    return (inner @ down).addmm_(grad, weight), inner.t() @ x, grad.t() @ middle


class _Inputs(Function):
    """Queries, keys and values from the residual stream, rotated; and the stream itself.

    It passes through, so that its gradient comes back here in one piece.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, down: Tensor, up: Tensor, rope: tuple[Tensor, Tensor], layer: "Layer"
    ) -> tuple[Tensor, ...]:
        joined, middle = adapted_product(layer.norm(0, x), layer.qkv.weight(), down, up)
        ctx.save_for_backward(x, middle, down, up, *rope)
        ctx.layer = layer
        rotated = torch.empty_like(joined)
        rotate_into(*layer.heads(joined), *rope, *layer.qkv.split(rotated))
        return *layer.heads(rotated), x.view_as(x)

    @staticmethod
    def backward(
        ctx: Any, dq: Tensor, dk: Tensor, dv: Tensor, direct: Tensor
    ) -> tuple[Tensor | None, ...]:
        x, middle, down, up, cos, sin = ctx.saved_tensors
        layer: Layer = ctx.layer
        joined = torch.empty(len(x), sum(layer.qkv.rows), dtype=x.dtype, device=x.device)
        rotate_into(dq, dk, dv, cos, -sin, *layer.qkv.split(joined))
        weight = layer.qkv.weight()
        grad, d_down, d_up = adapted_product_backward(
            joined, layer.norm(0, x), middle, weight, down, up
        )
        return layer.norm_backward(0, grad, x, direct), d_down, d_up, None, None


class _Output(Function):
    """The residual stream after attention."""

    @staticmethod
    def forward(
        ctx: Any, heads: Tensor, x: Tensor, down: Tensor, up: Tensor, layer: "Layer"
    ) -> Tensor:
        y, middle = adapted_product(heads, layer.out.weight(), down, up, plus=x)
        ctx.save_for_backward(heads, middle, down, up)
        ctx.layer = layer
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        heads, middle, down, up = ctx.saved_tensors
        weight = ctx.layer.out.weight()
        d_heads, d_down, d_up = adapted_product_backward(grad, heads, middle, weight, down, up)
        return d_heads, grad, d_down, d_up, None


class _Mlp(Function):
    """The residual stream after the feed-forward network."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        down_in: Tensor,
        up_in: Tensor,
        down_out: Tensor,
        up_out: Tensor,
        layer: "Layer",
    ) -> Tensor:
        both, first = adapted_product(layer.norm(1, x), layer.gate_up.weight(), down_in, up_in)
        y, second = adapted_product(swiglu(both), layer.down.weight(), down_out, up_out, plus=x)
        ctx.save_for_backward(x, both, first, second, down_in, up_in, down_out, up_out)
        ctx.layer = layer
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, both, first, second, down_in, up_in, down_out, up_out = ctx.saved_tensors
        layer: Layer = ctx.layer
        inner = grad @ up_out
        d_hidden = (inner @ down_out).addmm_(grad, layer.down.weight())
        d_both = torch.empty_like(both)
        hidden = swiglu_backward(d_hidden, *both.chunk(2, -1), *d_both.chunk(2, -1))
        del d_hidden
        d_down_out, d_up_out = inner.t() @ hidden, grad.t() @ second
        del hidden
        weight = layer.gate_up.weight()
        d_normed, d_down, d_up = adapted_product_backward(
            d_both, layer.norm(1, x), first, weight, down_in, up_in
        )
        return layer.norm_backward(1, d_normed, x, grad), d_down, d_up, d_down_out, d_up_out, None


class Layer:
    """One decoder layer of transformers' Llama, adapted by peft, computed by this module.

    Parameters
    ----------
    module
        ``LlamaDecoderLayer`` or one of the same parts.
    dtype
        Of the products and the residual stream.
    """

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        attention, mlp = module.self_attn, module.mlp
        self.qkv = Group(attention, ("q_proj", "k_proj", "v_proj"), dtype)
        self.out = Group(attention, ("o_proj",), dtype)
        self.gate_up = Group(mlp, ("gate_proj", "up_proj"), dtype)
        self.down = Group(mlp, ("down_proj",), dtype)
        self.norms = (module.input_layernorm, module.post_attention_layernorm)
        self.head_dim, self.scale = attention.head_dim, attention.scaling

    @property
    def groups(self) -> tuple[Group, Group, Group, Group]:
        """Its maps, by what they read."""
        return self.qkv, self.out, self.gate_up, self.down

    def keep(self) -> None:
        """Dequantise its maps once and for all."""
        for group in self.groups:
            group.keep()

    def heads(self, joined: Tensor) -> list[Tensor]:
        """Queries, keys and values (T, H, D) as views of the group's output."""
        return [part.unflatten(-1, (-1, self.head_dim)) for part in self.qkv.split(joined)]

    def norm(self, which: int, x: Tensor) -> Tensor:
        """Its first or second norm."""
        norm = self.norms[which]
        return rms_norm(x, norm.weight, norm.variance_epsilon)

    def norm_backward(self, which: int, grad: Tensor, x: Tensor, direct: Tensor) -> Tensor:
        """Gradient of a norm's input."""
        norm = self.norms[which]
        return rms_norm_backward(grad, x, norm.weight, norm.variance_epsilon, direct)

    def __call__(
        self,
        x: Tensor,
        own: Sequence[Adapter],
        rope: tuple[Tensor, Tensor],
        lengths: Sequence[int],
    ) -> Tensor:
        """The residual stream after the layer, shape (T, d); `own` are its groups' adapters."""
        qkv, out, gate_up, down = own
        q, k, v, x = _Inputs.apply(x, *qkv, rope, self)
        heads = attend(q, k, v, lengths, self.scale).flatten(1)
        x = _Output.apply(heads, x, *out, self)
        return _Mlp.apply(x, *gate_up, *down, self)


class LlamaStack:
    """The layers of an adapted Llama as a function from packs to hidden states.

    Parameters
    ----------
    model
        A model that `can_replay` accepts. It stays usable as it is.
    recomputed
        Layers, the first ones, that keep only their input and run again in the backward pass.
    dequantised
        Layers, the last ones, whose NF4 maps are kept in 16 bits.
    """

    def __init__(self, model: "PeftModel", recomputed: int = 0, dequantised: int = 0) -> None:
        self.core, self.shards = base_of(model).model, shards_of(base_of(model))
        self.dtype: torch.dtype = self.core.embed_tokens.weight.dtype
        self.layers = [Layer(module, self.dtype) for module in self.core.layers]
        for layer in self.layers[len(self.layers) - dequantised :]:
            layer.keep()
        self.recomputed = recomputed

    def __call__(self, ids: Tensor, positions: Tensor, lengths: Sequence[int]) -> Tensor:
        """What the head reads, shape (T, d), for ids and positions (T,)."""
        x = self.core.embed_tokens(ids)
        wide = torch.empty(0, dtype=torch.float32, device=ids.device)  # positions in full precision
        cos, sin = (part[0] for part in self.core.rotary_emb(wide, positions[None]))
        own = adapters([group for layer in self.layers for group in layer.groups])
        for i, layer in enumerate(self.layers):
            run: Callable[..., Tensor] = layer
            if i < self.recomputed:
                run = partial(checkpoint, layer, use_reentrant=False)
            if self.shards:
                run = self.shards.around(i, run)
            x = run(x, own[4 * i : 4 * i + 4], (cos, sin), lengths)
        return rms_norm(x, self.core.norm.weight, self.core.norm.variance_epsilon)


def can_replay(model: "PeftModel") -> bool:
    """Whether `LlamaStack` computes this model: Llama's family, without biases and dropout."""
    maps = (base_map(part) for name, part in model.named_modules() if name.endswith("_proj"))
    dropped = any(
        getattr(d, "p", 0) for _, part in adapted_layers(model) for d in part.lora_dropout.values()
    )
    return not dropped and is_plain_llama(base_of(model).config, maps)
