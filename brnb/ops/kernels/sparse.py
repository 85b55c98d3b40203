"""Attention through a mask's lists of blocks in Triton, forward and backward, for Hopper GPUs.

As `brnb.ops.kernels.flash`, but a program looks at the blocks of its list: first, through the bits
of their tile, at those that are seen in part, then at the others. The plain reference is
`brnb.algorithms.sparse_masks.sparse_attention`.
"""

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from brnb.ops.block_lists import BLOCK, BlockLists, Lists
from brnb.ops.kernels.flash import HEAD_DIMS, LOG2_E

LEAST = tl.constexpr(-1e30)  # below all scores, and yet a number: of keys not seen nothing is left
HEADS_TOGETHER = 8  # of which the blocks that see most begin first: no head's are late
SIZES: dict[str, dict[str, int]] = {  # warps and blocks on their way, the fastest of some
    "forward": {"num_warps": 4, "num_stages": 3},
    "queries": {"num_warps": 4, "num_stages": 2},
    "keys": {"num_warps": 4, "num_stages": 2},
}


def listed_attention(q: Tensor, k: Tensor, v: Tensor, lists: BlockLists) -> Tensor:
    """Attention softmax(QK^T / sqrt(d)) V to what a mask lets each query see.

    Parameters
    ----------
    q, k, v
        Queries, keys and values (B, heads, n, head_dim), of 16 bits, contiguous, on a GPU;
        head_dim 64 or 128.
    lists
        Of a mask of n tokens.

    Returns
    -------
    Tensor
        Shape and type of `q`; gradients flow to all three.

    Raises
    ------
    ValueError
        If a shape or a type is not one of these.
    """
    n = len(lists.rows.order) * BLOCK
    if not (q.shape == k.shape == v.shape and has_blocks(q) and q.shape[-2] == n):
        raise ValueError(
            f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)} in {q.dtype}: the kernel "
            f"takes three of one shape in 16 bits, of the mask's {n} tokens, head_dim in "
            f"{HEAD_DIMS}; use torch.nn.attention.flex_attention"
        )
    out: Tensor = _Sparse.apply(q, k, v, lists)
    return out


def has_blocks(q: Tensor) -> bool:
    """Whether there are tiles for queries of this shape and type."""
    return q.shape[-2] % BLOCK == 0 and q.shape[-1] in HEAD_DIMS and q.element_size() == 2


class _Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, lists: BlockLists) -> Tensor:
        out, normalisers = torch.empty_like(q), q.new_empty(q.shape[:-1], dtype=torch.float32)
        shape, grid = _shape(q)
        _forward[grid](
            *map(_lines, (q, k, v, out)), normalisers, *_pointers(lists.rows, lists),
            LOG2_E / math.sqrt(q.shape[-1]), *shape, **SIZES["forward"],
        )  # fmt: skip
        ctx.save_for_backward(q, k, v, out, normalisers)
        ctx.lists = lists
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, v, out, normalisers = ctx.saved_tensors
        lists, scale = ctx.lists, 1 / math.sqrt(q.shape[-1])
        deltas, d_out = torch.empty_like(normalisers), d_out.contiguous()
        dq, dk, dv = (torch.empty_like(part) for part in (q, k, v))
        shape, grid = _shape(q)
        sums, scales = (normalisers, deltas), (scale, scale * LOG2_E)
        _queries_back[grid](
            *map(_lines, (q, d_out, out, dq, k, v)), *sums, *_pointers(lists.rows, lists),
            *scales, *shape, **SIZES["queries"],
        )  # fmt: skip
        _keys_back[grid](
            *map(_lines, (q, d_out, k, v, dk, dv)), *sums, *_pointers(lists.columns, lists),
            *scales, *shape, **SIZES["keys"],
        )  # fmt: skip
        return dq, dk, dv, None


def _shape(q: Tensor) -> tuple[tuple[int, ...], tuple[int]]:
    """Tokens, heads, head_dim, block, blocks and heads together; and the programs."""
    *many, n, head_dim = q.shape
    blocks, heads = n // BLOCK, math.prod(many)
    return (n, heads, head_dim, BLOCK, blocks, HEADS_TOGETHER), (blocks * heads,)


def _lines(x: Tensor) -> TensorDescriptor:
    """A view of one line a token, of which a block is read or written at a time."""
    return TensorDescriptor.from_tensor(x.view(-1, x.shape[-1]), [BLOCK, x.shape[-1]])


def _pointers(one: Lists, lists: BlockLists) -> tuple[Tensor, ...]:
    return one.order, one.part_counts, one.counts, one.seen, lists.numbers, lists.tiles


@triton.jit
def _turn(order, heads, BLOCKS: tl.constexpr, TOGETHER: tl.constexpr):  # type: ignore[no-untyped-def]
    """A program's block and head: some heads together, in them the longest block of each first."""
    group, turn = tl.program_id(0) // (BLOCKS * TOGETHER), tl.program_id(0) % (BLOCKS * TOGETHER)
    together = tl.minimum(heads - group * TOGETHER, TOGETHER)
    return tl.load(order + turn // together), group * TOGETHER + turn % together


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    queries, keys, values, out, normalisers,
    order, part_counts, counts, seen, numbers, tiles, scale, T,
    heads, D: tl.constexpr, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    block, head = _turn(order, heads, BLOCKS, TOGETHER)
    start, at = head * T, tl.arange(0, BLOCK)
    q = queries.load([start + block * BLOCK, 0])
    largest = tl.full((BLOCK,), LEAST, tl.float32)
    total, y = tl.zeros((BLOCK,), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    partly = tl.load(part_counts + block)
    for i in tl.range(0, tl.load(counts + block)):
        column = tl.load(seen + block * BLOCKS + i)
        other = start + column * BLOCK
        s = tl.dot(q, keys.load([other, 0]).T)
        if i < partly:
            word = tl.load(tiles + tl.load(numbers + block * BLOCKS + column) * BLOCK + at)
            s = tl.where((word[:, None] >> at[None, :]) & 1 == 1, s, float("-inf"))
        y, total, largest = _seen(y, total, largest, s, values, other, scale)
    out.store([start + block * BLOCK, 0], (y / total[:, None]).to(q.dtype))
    tl.store(normalisers + start + block * BLOCK + at, largest + tl.log2(total))


@triton.jit
def _seen(y, total, largest, s, values, other, scale):  # type: ignore[no-untyped-def]
    """After more keys of these scores; `largest` is of scores in powers of two."""
    larger = tl.maximum(largest, tl.max(s, 1) * scale)
    p = tl.exp2(s * scale - larger[:, None])
    less = tl.exp2(largest - larger)
    v = values.load([other, 0])
    y = tl.dot(p.to(v.dtype), v, y * less[:, None])
    return y, total * less + tl.sum(p, 1), larger


@triton.jit
def _queries_back(  # type: ignore[no-untyped-def]
    queries, d_out, out, d_queries, keys, values, normalisers, deltas,
    order, part_counts, counts, seen, numbers, tiles, scale, twos, T,
    heads, D: tl.constexpr, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's queries; and `deltas`, by which a probability's gradient is less."""
    block, head = _turn(order, heads, BLOCKS, TOGETHER)
    start, at = head * T, tl.arange(0, BLOCK)
    here = start + block * BLOCK
    q, do = queries.load([here, 0]), d_out.load([here, 0])
    delta = tl.sum(do.to(tl.float32) * out.load([here, 0]).to(tl.float32), 1)
    tl.store(deltas + here + at, delta)
    normaliser = tl.load(normalisers + here + at)
    dq = tl.zeros((BLOCK, D), tl.float32)
    partly = tl.load(part_counts + block)
    for i in tl.range(0, tl.load(counts + block)):
        column = tl.load(seen + block * BLOCKS + i)
        other = start + column * BLOCK
        k = keys.load([other, 0])
        p = tl.exp2(tl.dot(q, k.T) * twos - normaliser[:, None])
        if i < partly:
            word = tl.load(tiles + tl.load(numbers + block * BLOCKS + column) * BLOCK + at)
            p = tl.where((word[:, None] >> at[None, :]) & 1 == 1, p, 0.0)
        ds = p * (tl.dot(do, values.load([other, 0]).T) - delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq)
    d_queries.store([here, 0], (dq * scale).to(q.dtype))


@triton.jit
def _keys_back(  # type: ignore[no-untyped-def]
    queries, d_out, keys, values, d_keys, d_values, normalisers, deltas,
    order, part_counts, counts, seen, numbers, tiles, scale, twos, T,
    heads, D: tl.constexpr, BLOCK: tl.constexpr, BLOCKS: tl.constexpr, TOGETHER: tl.constexpr,
):  # fmt: skip
    """Gradients of a block's keys and values; scores are (keys, queries)."""
    block, head = _turn(order, heads, BLOCKS, TOGETHER)
    start, at = head * T, tl.arange(0, BLOCK)
    here = start + block * BLOCK
    k, v = keys.load([here, 0]), values.load([here, 0])
    dk, dv = tl.zeros((BLOCK, D), tl.float32), tl.zeros((BLOCK, D), tl.float32)
    partly = tl.load(part_counts + block)
    for i in tl.range(0, tl.load(counts + block)):
        row = tl.load(seen + block * BLOCKS + i)
        other = start + row * BLOCK
        q, do = queries.load([other, 0]), d_out.load([other, 0])
        p = tl.exp2(tl.dot(k, q.T) * twos - tl.load(normalisers + other + at)[None, :])
        if i < partly:
            word = tl.load(tiles + tl.load(numbers + row * BLOCKS + block) * BLOCK + at)
            p = tl.where((word[None, :] >> at[:, None]) & 1 == 1, p, 0.0)
        dv = tl.dot(p.to(q.dtype), do, dv)
        ds = p * (tl.dot(v, do.T) - tl.load(deltas + other + at)[None, :])
        dk = tl.dot(ds.to(q.dtype), q, dk)
    d_values.store([here, 0], dv.to(k.dtype))
    d_keys.store([here, 0], (dk * scale).to(k.dtype))
