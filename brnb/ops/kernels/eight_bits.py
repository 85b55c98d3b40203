"""`brnb.ops.eight_bits` as GPU kernels in Triton; import it where there is a GPU.

A program owns a row and holds it in registers, from reading it to its 8 bits.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from brnb.ops.formats import E4M3

MOST: tl.constexpr = tl.constexpr(448.0)  # of e4m3
LEAST: tl.constexpr = tl.constexpr(1e-12)


def rows_in_8_bits(x: Tensor) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.eight_bits`."""
    return _launched(x, x, 0.0, x.shape[1], "rows")


def normed_in_8_bits(x: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.eight_bits`."""
    return _launched(x, gain, eps, x.shape[1], "normed")


def gated_in_8_bits(joined: Tensor) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.eight_bits`."""
    return _launched(joined, joined, 0.0, joined.shape[1] // 2, "gated")


def _launched(x: Tensor, gain: Tensor, eps: float, width: int, kind: str) -> tuple[Tensor, Tensor]:
    out = torch.empty(len(x), width, dtype=E4M3, device=x.device)
    scales = torch.empty(len(x), 1, dtype=torch.float32, device=x.device)
    block = triton.next_power_of_2(width)
    _row[(len(x),)](
        x, gain, out, scales, eps, width, block, kind == "normed", kind == "gated",
        num_warps=max(4, min(16, block // 512)),
    )  # fmt: skip
    return out, scales


@triton.jit
def _row(  # type: ignore[no-untyped-def]
    x, gain, out, scales, eps, WIDTH: tl.constexpr, BLOCK: tl.constexpr,
    NORMED: tl.constexpr, GATED: tl.constexpr,
):  # fmt: skip
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    inside = at < WIDTH
    dtype = x.dtype.element_ty
    if GATED:
        line = x + row * 2 * WIDTH + at
        gate = tl.load(line, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(line + WIDTH, mask=inside, other=0.0).to(tl.float32)
        value = (gate * tl.sigmoid(gate)).to(dtype).to(tl.float32) * up
    else:
        value = tl.load(x + row * WIDTH + at, mask=inside, other=0.0).to(tl.float32)
    if NORMED:
        value = value * tl.rsqrt(tl.sum(value * value) / WIDTH + eps)
        g = tl.load(gain + at, mask=inside, other=0.0).to(tl.float32)
        value = value.to(dtype).to(tl.float32) * g
    value = value.to(dtype).to(tl.float32)
    scale = tl.maximum(tl.max(tl.abs(value)), LEAST) / MOST
    tl.store(scales + row, scale)
    small = tl.clamp(value / scale, -MOST, MOST).to(tl.float8e4nv)
    tl.store(out + row * WIDTH + at, small, mask=inside)
