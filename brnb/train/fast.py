"""The parts of a Transformer as a training step computes them: the same, in fewer passes.

Maps of one input are one product; a branch's addition waits for the norm that reads the stream,
which compiled is one pass; attention reads that one product where it lies; in fp8 products are in
8 bits. A step has no past, keeps no keys and values, and drops what `Choices.dropout` says.

Whoever builds a `TransformerLM` hands `step_swaps` to `brnb.train.loop.train`. The loop does not
import this module, so that a training of a recurrent network never depends on kernels. Another
architecture adds its functions here, beside the choice that asks for them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from brnb.models.choices import Choices
from brnb.models.latent import LatentAttention
from brnb.models.moe import MoE
from brnb.models.transformer import MLP, Attention, Block, Rotation, TransformerLM
from brnb.ops import attention as packed_attention
from brnb.ops import fp8
from brnb.ops.activation import activation
from brnb.ops.loss_fp8 import cross_entropy
from brnb.train.swap import Swap

# The residual stream: one tensor, or two that whoever reads it next adds up.
Stream = Tensor | tuple[Tensor, Tensor]
FP8_ATTENTION = 512  # in narrower models its projections are faster in bf16 than transposed


def step_swaps(model: TransformerLM, precision: str) -> list[Swap]:
    """What stands in for the methods of a Transformer in a step of a precision.

    Raises
    ------
    ValueError
        If its sizes do not fit the products in 8 bits.
    """
    in_fp8 = precision == "fp8"
    run = block_fp8 if in_fp8 else block_bf16
    swaps = [Swap(model, "embed", embed), Swap(model.norm, "forward", final_norm)]
    swaps += [Swap(part, "forward", run) for part in model.blocks]
    if in_fp8:
        require_fitting(model.choices)
        swaps.append(Swap(model, "loss", loss_fp8, compilable=False))
    return swaps


def require_fitting(c: Choices) -> None:
    """Raise ValueError if a size is not a multiple that the products in 8 bits want, or the MLP has
    none."""
    if c.mlp in ("geglu", "relu"):
        raise ValueError(f'precision = "fp8" has no products for mlp = {c.mlp!r}: take "bf16"')
    sizes = {name: getattr(c, name) for name in ("vocab_size", "width", "hidden")}
    for name, size in (sizes | {"kv_heads * head_dim": c.kv_heads * c.head_dim}).items():
        if size % fp8.UNIT:
            raise ValueError(
                f'precision = "fp8" needs multiples of {fp8.UNIT}, and {name} = {size}: '
                'change it, or take "bf16"'
            )


def embed(model: TransformerLM, ids: Tensor, past: int) -> Tensor:
    """`TransformerLM.embed` in autocast's precision: half the traffic of every branch."""
    return _autocast(TransformerLM.embed(model, ids, past))


def block(
    in_fp8: bool, part: Block, x: Stream, start: Tensor, ids: Tensor, rotation: Rotation, past: Any
) -> tuple[Stream]:
    """`Block.forward` without keys and values: as results they would get gradients, of zeros."""
    stream = added(x)
    if part.mix is not None:
        stream = part.mix[0] * stream + part.mix[1] * start
    y = fused_attention(part.attention, part.attention_norm(stream), ids, rotation, in_fp8)
    stream = part.attention_residual(stream, part.dropout(y))
    y = part.dropout(fused_mlp(part.mlp, part.mlp_norm(stream), in_fp8))
    waits = part.mlp_residual.norm is None
    return ((stream, y) if waits else part.mlp_residual(stream, y),)


# Two functions and not two settings of one: a compiler keeps the forms of each apart.
def block_bf16(part: Block, *inputs: Any) -> tuple[Stream]:
    """`block` with products in the precision of autocast."""
    return block(False, part, *inputs)


def block_fp8(part: Block, *inputs: Any) -> tuple[Stream]:
    """`block` with products in 8 bits."""
    return block(True, part, *inputs)


def fused_attention(
    part: Attention | LatentAttention, x: Tensor, ids: Tensor, rotation: Rotation, in_fp8: bool
) -> Tensor:
    """Output of `Attention.forward`, whose three projections are one product; of latent attention
    as it is, in the precision of autocast."""
    if isinstance(part, LatentAttention):
        y: Tensor = part(x, ids, rotation, ())[0]
        return y
    maps = part.query, part.key, part.value
    packed = fp8.joined_linear(x, maps, in_fp8 and part.choices.width >= FP8_ATTENTION)
    if has_kernel(part.choices, packed):
        return attention_of_packed(part, x, packed, rotation)
    q, k, v = packed.split([each.out_features for each in maps], dim=-1)
    return part.attend(x, q, k, v, ids, rotation, ())[0]


def attention_of_packed(part: Attention, x: Tensor, packed: Tensor, rotation: Rotation) -> Tensor:
    """Attention of queries, keys and values side by side (B, T, 3·width), which it rotates."""
    cos, sin = rotation or (None, None)
    y, _, _ = packed_attention.attention(packed, cos, sin, part.choices.heads)
    return part.output(x, part.heads(y))


def has_kernel(c: Choices, packed: Tensor) -> bool:
    """Whether `brnb.ops.attention` computes this: packing again what was normed or mixed costs
    more than it saves."""
    other = c.dropout or c.qk_norm or c.value_embeddings or c.window or c.sinks
    plain = not other and c.kv_heads == c.heads
    if not (plain and packed.is_cuda and packed.dtype == torch.bfloat16):
        return False
    return packed_attention.fits(packed.shape[1], c.head_dim)


def fused_mlp(part: MLP | MoE, x: Tensor, in_fp8: bool) -> Tensor:
    """`MLP.forward`, whose gate and up are one product; in 8 bits, inner values are not written.

    Of a mixture the shared expert is such an MLP; products of the routed ones stay in bf16.
    """
    if isinstance(part, MoE):
        routed, shared = part.routed(x), part.shared
        return routed + fused_mlp(shared, x, in_fp8) if isinstance(shared, MLP) else routed
    ups = (part.gate, part.up) if part.gated else (part.up,)
    if in_fp8:
        return fp8.mlp(x, ups, part.down, part.kind)
    inner = fp8.joined_linear(x, ups, in_fp8=False).chunk(len(ups), dim=-1)
    y: Tensor = part.down(activation(part.kind, *reversed(inner)))
    return y


def final_norm(part: nn.Module, x: Stream) -> Tensor:
    """The last norm, in the precision of the head's products: it would be read in fp32 only to be
    converted."""
    return _autocast(type(part).forward(part, added(x)))


def loss_fp8(model: TransformerLM, x: Tensor, targets: Tensor) -> Tensor:
    """`TransformerLM.loss` with products in 8 bits."""
    return cross_entropy(x, model.head_weight, targets, model.choices.softcap)


def added(x: Stream) -> Tensor:
    """A stream of two parts, or of one, as one."""
    return x if isinstance(x, Tensor) else x[0] + x[1]


def _autocast(x: Tensor) -> Tensor:
    """In the precision of a GPU's autocast, if there is one."""
    if x.is_cuda and torch.is_autocast_enabled("cuda"):
        return x.to(torch.get_autocast_dtype("cuda"))
    return x
