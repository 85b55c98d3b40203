"""NF4 to 16 bits as one GPU kernel, in Triton; import it where there is a GPU."""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.kernels.tuned import tuning


def dequantise(packed: Tensor, state: Any, out: Tensor) -> Tensor:
    """Fill in the matrix (N, K) of doubly quantised weights; its rows may lie apart.

    bitsandbytes reads the scales in a kernel, shifts them in a second and uses them in a third:
    half as fast, and three launches instead of one. The numbers are the same to the bit.

    Parameters
    ----------
    packed
        Two weights a byte, the first in the upper half.
    state
        bitsandbytes' ``QuantState``, nested.
    out
        What to fill, shape (N, K), its rows contiguous.
    """
    outer, block = state.state2, tuning().nf4_block
    # A fused multiply-add would round a scale once, where bitsandbytes rounds twice.
    _dequantise[(triton.cdiv(out.numel(), block),)](
        packed, state.code, state.absmax, outer.code, outer.absmax, state.offset, out,
        out.stride(0), out.numel(), out.shape[1], state.blocksize, outer.blocksize, block,
        enable_fp_fusion=False,
    )  # fmt: skip
    return out


def readable(packed: Tensor, state: Any) -> bool:
    """Whether `dequantise` reads these weights."""
    known = packed.is_cuda and packed.dtype == torch.uint8
    return bool(known and state.quant_type == "nf4" and state.nested)


@triton.jit
def _dequantise(  # type: ignore[no-untyped-def]
    packed, levels, scales, scale_levels, outer_scales, offset, out, stride, count,
    COLUMNS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK numbers of the flat matrix."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    byte = tl.load(packed + at // 2, mask=inside, other=0).to(tl.int32)
    value = tl.load(levels + tl.where(at % 2 == 0, byte >> 4, byte & 15))
    block = at // INNER
    scale = tl.load(scale_levels + tl.load(scales + block, mask=inside, other=0).to(tl.int32))
    scale = scale * tl.load(outer_scales + block // OUTER, mask=inside, other=0) + tl.load(offset)
    place = out + (at // COLUMNS) * stride + at % COLUMNS
    tl.store(place, (value * scale).to(out.dtype.element_ty), mask=inside)
