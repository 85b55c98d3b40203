"""Seconds and bytes of attention against the length of the text, on the machine at hand."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import flex_attention

from brnb.algorithms import sparse_masks
from brnb.algorithms.attention import causal_mask, masked_attention
from brnb.algorithms.memory import peak_bytes
from brnb.algorithms.sparse_masks import MaskRule
from brnb.ops.block_lists import BLOCK, block_lists
from brnb.train.device import wait_for

CALLS = 3


@dataclass(frozen=True)
class Cost:
    """What one attention of all heads took; the maps around it too, as kind ``linear``.

    Attributes
    ----------
    seconds
        The least of some calls.
    bytes
        Memory at its worst beyond the inputs: counted tensor by tensor on a CPU, what the
        allocator saw on a GPU.
    """

    kind: str
    n: int
    seconds: float
    bytes: int


def costs(
    lengths: Sequence[int],
    width: int,
    heads: int,
    masks: Callable[[int], dict[str, MaskRule]],
    block: int,
    device: torch.device,
) -> list[Cost]:
    """Causal attention of one layer, forward: naive, fused, and with each mask; and its maps.

    bf16 on a GPU, where masks are lists for our kernel or, if it has no tiles for the heads,
    compiled by FlexAttention; fp32 on a CPU, where they are looked up block by block. ``linear``
    are the products of Eq. A.15, A.18 and A.19 in one: 12 n d².

    Parameters
    ----------
    lengths
        n, each a multiple of `block`.
    width, heads
        Of the layer.
    masks
        The masks of a length, by name.
    block
        Tokens of a block of the masks.
    """
    table = []
    for n in lengths:
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        q, k, v = torch.randn(3, 1, heads, n, width // heads, device=device, dtype=dtype)
        x, maps = q.new_ones(n, width), q.new_zeros(width, 12 * width)
        calls: dict[str, Callable[[], Tensor]] = {
            "naive": partial(masked_attention, q, k, v, causal_mask(n).to(device)),
            "flash": _fused(q, k, v),
        }
        for name, mask in masks(n).items():
            calls[name] = _sparse(q, k, v, sparse_masks.causally(mask), block)
        calls["linear"] = partial(torch.matmul, x, maps)
        table += [Cost(kind, n, *_measured(call, device)) for kind, call in calls.items()]
    return table


def cost_masks(
    window: int, block: int, seed: int, device: torch.device
) -> Callable[[int], dict[str, MaskRule]]:
    """The masks of the cost curves for each length: a window, and BigBird with one block more of
    global tokens and one of random ones."""

    def masks(n: int) -> dict[str, MaskRule]:
        return {
            "window": sparse_masks.sliding_window(window),
            "bigbird": sparse_masks.bigbird(n, window, block, block, block, seed, device),
        }

    return masks


def _fused(q: Tensor, k: Tensor, v: Tensor) -> Callable[[], Tensor]:
    """Our kernel on a GPU, where it has tiles for these heads; else PyTorch's."""
    if q.is_cuda:
        from brnb.ops.kernels import flash  # Triton comes with PyTorch for GPUs only

        if flash.has_tiles(q):
            return partial(flash.flash_attention, q, k, v)
    return partial(F.scaled_dot_product_attention, q, k, v, is_causal=True)


def _sparse(q: Tensor, k: Tensor, v: Tensor, mask: MaskRule, block: int) -> Callable[[], Tensor]:
    if q.is_cuda:
        from brnb.ops.kernels import sparse

        if sparse.has_blocks(q):
            own = sparse_masks.blocks(mask, q.shape[-2], BLOCK, q.device)
            return partial(sparse.listed_attention, q, k, v, block_lists(own))
    blocks = sparse_masks.blocks(mask, q.shape[-2], block, q.device)
    if q.is_cuda:
        torch.compiler.reset()  # it compiles eight masks, and then no more
        return partial(torch.compile(flex_attention), q, k, v, block_mask=blocks)
    return partial(sparse_masks.sparse_attention, q, k, v, blocks)


@torch.no_grad()
def _measured(call: Callable[[], Tensor], device: torch.device) -> tuple[float, int]:
    call()
    seconds = []
    for _ in range(CALLS):
        wait_for(device)
        start = time.perf_counter()
        call()
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    if device.type == "cpu":
        return min(seconds), peak_bytes(call)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    return min(seconds), torch.cuda.max_memory_allocated(device) - before


def crossover(table: Sequence[Cost], kind: str) -> float | None:
    """The length from which this attention takes longer than the maps, between two measured ones.

    On a straight line in logarithms; None if it does not happen within the measured lengths.
    """
    ratio = {
        cost.n: cost.seconds / maps.seconds
        for cost in table
        if cost.kind == kind
        for maps in table
        if maps.kind == "linear" and maps.n == cost.n
    }
    lengths = sorted(ratio)
    for short, long in pairwise(lengths):
        if ratio[short] <= 1 < ratio[long]:
            low, high = (torch.tensor(ratio[n]).log().item() for n in (short, long))
            return float(short * (long / short) ** (-low / (high - low)))
    return None
