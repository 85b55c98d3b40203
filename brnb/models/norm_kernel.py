"""Gradients of the norms as GPU kernels in Triton, one pass each.

A compiler of elementwise passes makes the gradient of a norm's gain in a pass of its own, which
reads everything again; here a program goes over its rows and adds the gain's gradient up on the
way.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

PROGRAMS, HELD, WARPS = 1848, 512, 1  # and values that a program holds, as measured on an H200


def norm_back(
    d: Tensor, d_stream: Tensor, x: Tensor, gain: Tensor, eps: float, centred: bool
) -> tuple[Tensor, Tensor]:
    """See `brnb.models.norm`."""
    rows, width = x.shape
    found = torch.empty_like(x)
    wide = triton.next_power_of_2(width)
    at_a_time = max(1, HELD // wide)
    programs = min(PROGRAMS, triton.cdiv(rows, at_a_time))
    sums = torch.empty(2, programs, width, dtype=torch.float32, device=x.device)
    _norm_back[(programs,)](
        d, d_stream, x, gain, found, *sums, eps, rows, width, wide,
        at_a_time, centred, num_warps=WARPS,
    )  # fmt: skip
    return found, sums.sum(1)


@triton.jit
def _norm_back(  # type: ignore[no-untyped-def]
    d, d_stream, x, gain, found, gains, biases, eps, rows, WIDTH: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, WIDE)[None, :]
    inside = column < WIDTH
    g = tl.load(gain + column, mask=inside, other=0.0)
    d_gain, d_bias = tl.zeros((ROWS, WIDE), tl.float32), tl.zeros((ROWS, WIDE), tl.float32)
    own, step = tl.program_id(0) * ROWS, tl.num_programs(0) * ROWS
    coming = _rows(d, d_stream, x, own, rows, column, WIDTH, ROWS)
    for first in range(own, rows, step):
        dy, dx, z = coming
        coming = _rows(d, d_stream, x, first + step, rows, column, WIDTH, ROWS)  # on its way
        dy, dx, z = dy.to(tl.float32), dx.to(tl.float32), z.to(tl.float32)
        inner = dy * g
        along = tl.sum(inner * z, 1) / WIDTH  # sums that do not wait for each other
        if CENTRED:
            mean, shift = tl.sum(z, 1) / WIDTH, tl.sum(inner, 1) / WIDTH
            z = tl.where(inside, z - mean[:, None], 0.0)
            along -= mean * shift
            inner -= shift[:, None]
        scale = tl.rsqrt(tl.sum(z * z, 1) / WIDTH + eps)
        z *= scale[:, None]
        d_gain += dy * z
        d_bias += dy
        dx += (inner - z * (along * scale)[:, None]) * scale[:, None]
        row = (first + tl.arange(0, ROWS))[:, None]
        at = row.to(tl.int64) * WIDTH + column
        tl.store(found + at, dx.to(found.dtype.element_ty), mask=inside & (row < rows))
    to = tl.program_id(0) * WIDTH + column
    tl.store(gains + to, tl.sum(d_gain, 0)[None, :], mask=inside)
    tl.store(biases + to, tl.sum(d_bias, 0)[None, :], mask=inside)


@triton.jit
def _rows(  # type: ignore[no-untyped-def]
    d, d_stream, x, first, rows, column, WIDTH: tl.constexpr, ROWS: tl.constexpr
):
    row = (first + tl.arange(0, ROWS))[:, None]
    at, here = row.to(tl.int64) * WIDTH + column, (column < WIDTH) & (row < rows)
    return (
        tl.load(d + at, mask=here, other=0.0),
        tl.load(d_stream + at, mask=here, other=0.0),
        tl.load(x + at, mask=here, other=0.0),
    )
