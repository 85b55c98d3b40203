"""Llama's layers for training adapters: no matrix product is computed twice.

Autograd, left alone, keeps the inputs of all products, norms and activations. Here each half layer
is one function that keeps the residual stream and the results of the products; norm, rotation and
SwiGLU, cheap beside the products, are computed again in the backward pass. In 16 bits that is
2(4d + 2d_kv + 2d_ff) bytes a token and layer: 94 kB for 8B. Frozen maps have no gradient of their
own, so half of a usual backward pass does not exist.

Shapes: T tokens, d the residual stream, N outputs and K inputs of a group of maps, R its rank.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.utils.checkpoint import checkpoint

from brnb.finetune.attention import attend
from brnb.finetune.lora import Group, adapted_layers, base_map, base_of
from brnb.finetune.shards import shards_of

if TYPE_CHECKING:
    from peft import PeftModel

FAMILIES = ("llama", "mistral")


def fused_on_gpu(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a GPU run an elementwise function as one kernel for any T; a CPU runs it as it stands.

    The first dimension of its matrices is T.
    """
    compiled = cache(lambda: torch.compile(function, dynamic=False))

    def call(x: Tensor, *others: Any) -> Any:
        if not x.is_cuda:
            return function(x, *others)
        for tensor in (x, *others):
            if isinstance(tensor, Tensor) and tensor.dim() > 1:
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return compiled()(x, *others)

    return call


@fused_on_gpu
def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of each row (Zhang & Sennrich, 2019), computed in fp32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * gain).to(x.dtype)


@fused_on_gpu
def rms_norm_backward(
    grad: Tensor, x: Tensor, gain: Tensor, eps: float, direct: Tensor | None
) -> Tensor:
    """Gradient of its input; `direct` is what reaches x past the norm."""
    wide, g = x.float(), grad.float() * gain
    scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    unit = wide * scale
    result = scale * (g - unit * (g * unit).mean(-1, keepdim=True))
    return (result if direct is None else result + direct).to(x.dtype)


@fused_on_gpu
def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up of a row that holds both."""
    gate, up = gate_up.chunk(2, -1)
    return (F.silu(gate.float()) * up).to(gate_up.dtype)


@fused_on_gpu
def swiglu_backward(grad: Tensor, gate_up: Tensor, d_gate_up: Tensor) -> Tensor:
    """Fill in the gradient of gate and up; return the product again."""
    gate, up = (part.float() for part in gate_up.chunk(2, -1))
    g, sigmoid = grad.float(), torch.sigmoid(gate)
    silu = gate * sigmoid
    half = grad.shape[-1]
    d_gate_up[:, :half] = g * up * (sigmoid + silu * (1 - sigmoid))
    d_gate_up[:, half:] = g * silu
    return (silu * up).to(grad.dtype)


@fused_on_gpu
def rotate(x: Tensor, cos: Tensor, sin: Tensor, out: Tensor) -> None:
    """Fill in the rotary positions (Su et al., 2021) of heads (T, H, D); -sin turns back."""
    half = x.shape[-1] // 2
    low, high = x[..., :half].float(), x[..., half:].float()
    c, s = cos[:, None, :half], sin[:, None, :half]
    out[..., :half] = low * c - high * s
    out[..., half:] = high * c + low * s


def product(
    x: Tensor, weight: Tensor, down: Tensor, up: Tensor, plus: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y = x W' + (x A') B' (+ plus), shape (T, N), and x A', (T, R)."""
    y = x @ weight.t() if plus is None else torch.addmm(plus, x, weight.t())
    middle = x @ down.t()
    return y.addmm_(middle, up.t()), middle


def product_backward(
    grad: Tensor, x: Tensor, middle: Tensor, weight: Tensor, down: Tensor, up: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, A and B."""
    inner = grad @ up
    return (grad @ weight).addmm_(inner, down), inner.t() @ x, grad.t() @ middle


class _Inputs(Function):
    """Queries, keys and values from the residual stream, rotated."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, down: Tensor, up: Tensor, rope: tuple[Tensor, Tensor], layer: "Layer"
    ) -> tuple[Tensor, ...]:
        joined, middle = product(layer.norm(0, x), layer.qkv.weight(), down, up)
        ctx.save_for_backward(x, middle, down, up, *rope)
        ctx.layer = layer
        q, k, v = layer.heads(joined)
        q_out, k_out = torch.empty_like(q), torch.empty_like(k)
        rotate(q, *rope, q_out)
        rotate(k, *rope, k_out)
        return q_out, k_out, v.contiguous()

    @staticmethod
    def backward(ctx: Any, dq: Tensor, dk: Tensor, dv: Tensor) -> tuple[Tensor | None, ...]:
        x, middle, down, up, cos, sin = ctx.saved_tensors
        layer: Layer = ctx.layer
        joined = torch.empty(len(x), sum(layer.qkv.rows), dtype=x.dtype, device=x.device)
        q, k, v = layer.heads(joined)
        rotate(dq, cos, -sin, q)
        rotate(dk, cos, -sin, k)
        v.copy_(dv)
        weight = layer.qkv.weight()
        grad, d_down, d_up = product_backward(joined, layer.norm(0, x), middle, weight, down, up)
        return layer.norm_backward(0, grad, x), d_down, d_up, None, None


class _Output(Function):
    """The residual stream after attention."""

    @staticmethod
    def forward(
        ctx: Any, heads: Tensor, x: Tensor, down: Tensor, up: Tensor, layer: "Layer"
    ) -> Tensor:
        y, middle = product(heads, layer.out.weight(), down, up, plus=x)
        ctx.save_for_backward(heads, middle, down, up)
        ctx.layer = layer
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        heads, middle, down, up = ctx.saved_tensors
        weight = ctx.layer.out.weight()
        d_heads, d_down, d_up = product_backward(grad, heads, middle, weight, down, up)
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
        both, first = product(layer.norm(1, x), layer.gate_up.weight(), down_in, up_in)
        y, second = product(swiglu(both), layer.down.weight(), down_out, up_out, plus=x)
        ctx.save_for_backward(x, both, first, second, down_in, up_in, down_out, up_out)
        ctx.layer = layer
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, both, first, second, down_in, up_in, down_out, up_out = ctx.saved_tensors
        layer: Layer = ctx.layer
        inner = grad @ up_out
        d_hidden = (grad @ layer.down.weight()).addmm_(inner, down_out)
        d_both = torch.empty_like(both)
        hidden = swiglu_backward(d_hidden, both, d_both)
        del d_hidden
        d_down_out, d_up_out = inner.t() @ hidden, grad.t() @ second
        del hidden
        weight = layer.gate_up.weight()
        d_normed, d_down, d_up = product_backward(
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

    def keep(self) -> None:
        """Dequantise its maps once and for all."""
        for group in (self.qkv, self.out, self.gate_up, self.down):
            group.keep()

    def heads(self, joined: Tensor) -> list[Tensor]:
        """Queries, keys and values (T, H, D) as views of the group's output."""
        return [part.unflatten(-1, (-1, self.head_dim)) for part in joined.split(self.qkv.rows, -1)]

    def norm(self, which: int, x: Tensor) -> Tensor:
        """Its first or second norm."""
        norm = self.norms[which]
        return rms_norm(x, norm.weight, norm.variance_epsilon)

    def norm_backward(
        self, which: int, grad: Tensor, x: Tensor, direct: Tensor | None = None
    ) -> Tensor:
        """Gradient of a norm's input."""
        norm = self.norms[which]
        return rms_norm_backward(grad, x, norm.weight, norm.variance_epsilon, direct)

    def __call__(self, x: Tensor, rope: tuple[Tensor, Tensor], lengths: Sequence[int]) -> Tensor:
        """The residual stream after the layer, shape (T, d)."""
        q, k, v = _Inputs.apply(x, *self.qkv.adapter(), rope, self)
        heads = attend(q, k, v, lengths, self.scale).flatten(1)
        x = _Output.apply(heads, x, *self.out.adapter(), self)
        return _Mlp.apply(x, *self.gate_up.adapter(), *self.down.adapter(), self)


class LlamaStack:
    """The layers of an adapted Llama as a function from packs to hidden states.

    Parameters
    ----------
    model
        A model that `supported` accepts. It stays usable as it is.
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
        for i, layer in enumerate(self.layers):
            run: Callable[..., Tensor] = layer
            if i < self.recomputed:
                run = partial(checkpoint, layer, use_reentrant=False)
            if self.shards:
                run = self.shards.around(i, run)
            x = run(x, (cos, sin), lengths)
        return rms_norm(x, self.core.norm.weight, self.core.norm.variance_epsilon)


def supported(model: "PeftModel") -> bool:
    """Whether `LlamaStack` computes this model: Llama's family, without biases and dropout."""
    config = base_of(model).config
    plain = config.model_type in FAMILIES and config.hidden_act == "silu"
    plain &= not getattr(config, "sliding_window", None)
    biased = any(
        getattr(base_map(part), "bias", None) is not None
        for name, part in model.named_modules()
        if name.endswith("_proj")
    )
    dropped = any(
        getattr(d, "p", 0) for _, part in adapted_layers(model) for d in part.lora_dropout.values()
    )
    return bool(plain and not biased and not dropped)
