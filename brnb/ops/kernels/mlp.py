"""Products of an MLP together with what stands between them, as GPU kernels in Gluon, Triton's
language of layouts and barriers; import it where there is a GPU of Hopper's kind.

The inner values of an MLP are four times as wide as what goes in and out: a product that passes
them on in 8 bits, both ways, instead of writing them for another kernel to read, saves most of the
memory's time. A program computes a tile of 256 rows: those with number 0, 1, 2 and 3 of every four
as a product of their own each, because words of four rows are what transposed bytes are packed
into.
The rows of the next product are on their way (by the tensor memory accelerator, into slots that a
barrier each guards) while this one is made, activated and stored.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor
from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import mbarrier, tma, warpgroup_mma
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

from brnb.ops.activation import CUBE, SQUEEZE
from brnb.ops.formats import E4M3, E5M2, INPUTS
from brnb.ops.kernels.transposing import TO_E4M3, TO_E5M2, TRANSPOSE, require_transposed
from brnb.ops.kernels.tuned import tuning

GROUPS, PART = 64, 256  # of four rows, one of each a product; terms of a sum at a time
barrier = gl.thread_barrier if hasattr(gl, "thread_barrier") else gl.barrier  # up to Triton 3.6
OPERAND = gl.NVMMASharedLayout(swizzle_byte_width=128, element_bitwidth=8, rank=2)


def activated(
    x8: Tensor, u8: Tensor, bias: Tensor | None, factor: Tensor, kind: str
) -> tuple[Tensor, Tensor, Tensor]:
    """See `brnb.ops.fp8`."""
    rows, wide, halves = len(x8), len(u8), 2 if kind == "swiglu" else 1
    columns = wide // halves
    active = torch.empty(rows, columns, dtype=E4M3, device=x8.device)
    transposed = torch.empty(columns, rows, dtype=E4M3, device=x8.device)
    slopes = torch.empty(rows, wide, dtype=E4M3, device=x8.device)
    parts = triton.cdiv(x8.shape[1], PART)
    tuned = tuning().mlp_wide if halves == 1 and parts == 2 else tuning().mlp_narrow
    sizes = mlp_grid(x8, u8, columns, halves, tuned)
    _activated[sizes.pop("grid")](
        bias=factor if bias is None else bias, active=active,
        transposed=transposed.view(torch.int32), slopes=slopes, factor=factor, KIND=kind,
        BIASED=bias is not None, SQUEEZE=SQUEEZE, CUBE=CUBE, INPUTS=INPUTS, **sizes,
    )  # fmt: skip
    require_transposed("activated", active, transposed)
    return active, transposed, slopes


def activated_backward(
    g8: Tensor, d8t: Tensor, slopes: Tensor, factor: Tensor
) -> tuple[Tensor, Tensor]:
    """See `brnb.ops.fp8`."""
    (rows, wide), columns = slopes.shape, len(d8t)
    small = torch.empty(rows, wide, dtype=E5M2, device=g8.device)
    transposed = torch.empty(wide, rows, dtype=E5M2, device=g8.device)
    roomy = wide == columns and g8.shape[1] <= 2 * PART
    tuned = tuning().mlp_backward if roomy else tuning().mlp_narrow
    sizes = mlp_grid(g8, d8t, columns, 1, tuned)
    _activated_backward[sizes.pop("grid")](
        slopes=slopes, small=small, transposed=transposed.view(torch.int32), factor=factor,
        HALVES=wide // columns, **sizes,
    )  # fmt: skip
    require_transposed("activated_backward", small, transposed)
    return small, transposed


def mlp_grid(
    x: Tensor, weight: Tensor, columns: int, halves: int, sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Grid of programs, and the arguments that both kernels have."""
    rows, width = x.shape
    parts = triton.cdiv(width, PART)
    most = tuning().mlp_weights // (halves * parts * PART)
    size, warps = next(pair for pair in sizes if columns % pair[0] == 0 and pair[0] <= most)
    across = size // 16  # threads, of 16 bytes each
    # A matrix (M, K) as one of (M/4, 4K), of which a box holds every fourth row.
    by_fours = TensorDescriptor.from_tensor(x.view(rows // 4, 4 * width), [GROUPS, PART], OPERAND)
    return {
        "grid": (columns // size, rows // (4 * GROUPS)),
        "x": by_fours, "weight": TensorDescriptor.from_tensor(weight, [size, PART], OPERAND),
        "width": width, "columns": columns, "groups": rows // 4,
        "GROUPS": GROUPS, "COLUMNS": size, "PART": PART, "PARTS": parts,
        "SLOTS": 3 if parts > 2 else 2,
        "SUMS": gl.NVMMADistributedLayout([3, 0], [4, warps // 4], [16, 4 * size // warps, 32]),
        "ROWS": gl.BlockedLayout([1, 16], [32 // across, across], [warps, 1], [1, 0]),
        "WORDS": gl.BlockedLayout([4, 1], [GROUPS // 4, 128 // GROUPS], [1, warps], [0, 1]),
        "num_warps": warps,
    }  # fmt: skip


@gluon.jit
def _activated(  # type: ignore[no-untyped-def]
    x, weight, bias, active, transposed, slopes, factor, width, columns, groups,
    KIND: gl.constexpr, BIASED: gl.constexpr,
    SQUEEZE: gl.constexpr, CUBE: gl.constexpr, INPUTS: gl.constexpr,
    GROUPS: gl.constexpr, COLUMNS: gl.constexpr, PART: gl.constexpr, PARTS: gl.constexpr,
    SLOTS: gl.constexpr, SUMS: gl.constexpr, ROWS: gl.constexpr, WORDS: gl.constexpr,
):  # fmt: skip
    HALVES: gl.constexpr = 2 if KIND == "swiglu" else 1
    first, start = gl.program_id(1) * GROUPS, gl.program_id(0) * COLUMNS
    kept, slots, bars = prefetch(
        x, weight, first, start, width, columns, HALVES, GROUPS, COLUMNS, PART, PARTS, SLOTS
    )
    scale = gl.load(factor)
    row, column = at(first, start, GROUPS, COLUMNS, ROWS)
    inner = start + gl.arange(0, COLUMNS, layout=gl.SliceLayout(0, SUMS))[None, :]
    active8 = ()  # type: tuple[gl.tensor, ...]
    for i in gl.static_range(4):
        h, up = rows_product(
            i, x, first, width, kept, slots, bars,
            HALVES, GROUPS, COLUMNS, PART, PARTS, SLOTS, SUMS,
        )  # fmt: skip
        h, up = h * scale, up * scale
        if BIASED:
            h += gl.load(bias + inner)
            if HALVES == 2:
                up += gl.load(bias + columns + inner)
        a, slope, other = activate(h, up, KIND, SQUEEZE, CUBE, INPUTS)
        active8 += (to_fp8(a, gl.float8e4nv),)
        to = (row * 4 + i) * columns + column
        gl.store(active + to, gl.convert_layout(active8[i], ROWS))
        to = slopes + (row * 4 + i) * (columns * HALVES) + column
        gl.store(to, gl.convert_layout(to_fp8(slope, gl.float8e4nv), ROWS))
        if HALVES == 2:
            other = to_fp8(other, gl.float8e4nv)
            gl.store(to + columns, gl.convert_layout(other, ROWS))
    group, column = at(first, start, GROUPS, COLUMNS, WORDS)
    gl.store(transposed + column * groups + group, gl.convert_layout(words(*active8), WORDS))


@gluon.jit
def _activated_backward(  # type: ignore[no-untyped-def]
    x, weight, slopes, small, transposed, factor, width, columns, groups, HALVES: gl.constexpr,
    GROUPS: gl.constexpr, COLUMNS: gl.constexpr, PART: gl.constexpr, PARTS: gl.constexpr,
    SLOTS: gl.constexpr, SUMS: gl.constexpr, ROWS: gl.constexpr, WORDS: gl.constexpr,
):  # fmt: skip
    first, start = gl.program_id(1) * GROUPS, gl.program_id(0) * COLUMNS
    kept, slots, bars = prefetch(
        x, weight, first, start, width, columns, 1, GROUPS, COLUMNS, PART, PARTS, SLOTS
    )
    scale = gl.load(factor)
    row, column = at(first, start, GROUPS, COLUMNS, ROWS)
    gradients = ()  # type: tuple[gl.tensor, ...]
    for i in gl.static_range(4):
        to = (row * 4 + i) * (columns * HALVES) + column
        slopes8 = ()  # type: tuple[gl.tensor, ...]
        for half in gl.static_range(HALVES):  # on their way while the product is made
            slopes8 += (gl.load(slopes + to + half * columns),)
        d, _ = rows_product(
            i, x, first, width, kept, slots, bars, 1, GROUPS, COLUMNS, PART, PARTS, SLOTS, SUMS
        )
        d *= scale
        for half in gl.static_range(HALVES):
            slope = gl.convert_layout(slopes8[half], SUMS).to(gl.float32)
            y = to_fp8(d * slope, gl.float8e5)
            gl.store(small + to + half * columns, gl.convert_layout(y, ROWS))
            gradients += (y,)
    group, column = at(first, start, GROUPS, COLUMNS, WORDS)
    for half in gl.static_range(HALVES):
        y = gl.convert_layout(words(*gradients[half::HALVES]), WORDS)
        gl.store(transposed + (column + half * columns) * groups + group, y)


@gluon.jit
def at(first, start, GROUPS: gl.constexpr, COLUMNS: gl.constexpr, LAYOUT: gl.constexpr):  # type: ignore[no-untyped-def]
    """Groups of four rows, and columns, of this program."""
    group = first + gl.arange(0, GROUPS, layout=gl.SliceLayout(1, LAYOUT))
    column = start + gl.arange(0, COLUMNS, layout=gl.SliceLayout(0, LAYOUT))
    return group.to(gl.int64)[:, None], column.to(gl.int64)[None, :]


@gluon.jit
def prefetch(  # type: ignore[no-untyped-def]
    x, weight, first, start, width, columns, HALVES: gl.constexpr, GROUPS: gl.constexpr,
    COLUMNS: gl.constexpr, PART: gl.constexpr, PARTS: gl.constexpr, SLOTS: gl.constexpr,
):  # fmt: skip
    """All of the weight's rows that are needed, and the first of x, on their way."""
    kept = gl.allocate_shared_memory(weight.dtype, [HALVES * PARTS, COLUMNS, PART], weight.layout)
    slots = gl.allocate_shared_memory(x.dtype, [SLOTS, GROUPS, PART], x.layout)
    bars = gl.allocate_shared_memory(gl.int64, [1 + 4 * PARTS, 1], mbarrier.MBarrierLayout())
    for j in gl.static_range(1 + 4 * PARTS):
        mbarrier.init(bars.index(j), count=1)
    mbarrier.expect(bars.index(0), HALVES * PARTS * COLUMNS * PART)
    for k in gl.static_range(PARTS):
        for half in gl.static_range(HALVES):
            tma.async_copy_global_to_shared(
                weight, [start + half * columns, k * PART], bars.index(0),
                kept.index(half * PARTS + k),
            )  # fmt: skip
    for j in gl.static_range(SLOTS):
        fetch(j, x, first, width, slots, bars, GROUPS, PART, PARTS, SLOTS)
    mbarrier.wait(bars.index(0), 0)
    return kept, slots, bars


@gluon.jit
def fetch(  # type: ignore[no-untyped-def]
    j: gl.constexpr, x, first, width, slots, bars,
    GROUPS: gl.constexpr, PART: gl.constexpr, PARTS: gl.constexpr, SLOTS: gl.constexpr,
):  # fmt: skip
    """Send for part j of four products' rows; zeros follow the last column."""
    mbarrier.expect(bars.index(1 + j), GROUPS * PART)
    place = [first, (j // PARTS) * width + (j % PARTS) * PART]
    tma.async_copy_global_to_shared(x, place, bars.index(1 + j), slots.index(j % SLOTS))


@gluon.jit
def rows_product(  # type: ignore[no-untyped-def]
    i: gl.constexpr, x, first, width, kept, slots, bars, HALVES: gl.constexpr,
    GROUPS: gl.constexpr, COLUMNS: gl.constexpr, PART: gl.constexpr, PARTS: gl.constexpr,
    SLOTS: gl.constexpr, SUMS: gl.constexpr,
):  # fmt: skip
    """Rows number i of every four times the weights' halves, in fp32."""
    y = gl.zeros([GROUPS, COLUMNS], gl.float32, layout=SUMS)
    z = y
    for k in gl.static_range(PARTS):
        mbarrier.wait(bars.index(1 + i * PARTS + k), 0)
        part = slots.index((i * PARTS + k) % SLOTS)
        y = warpgroup_mma(part, kept.index(k).permute((1, 0)), y)
        if HALVES == 2:
            z = warpgroup_mma(part, kept.index(PARTS + k).permute((1, 0)), z)
        if i * PARTS + k + SLOTS < 4 * PARTS:
            barrier()  # all warps have read it
            fetch(i * PARTS + k + SLOTS, x, first, width, slots, bars, GROUPS, PART, PARTS, SLOTS)
    return y, z


@gluon.jit
def activate(  # type: ignore[no-untyped-def]
    h, up, KIND: gl.constexpr, SQUEEZE: gl.constexpr, CUBE: gl.constexpr, INPUTS: gl.constexpr
):
    """INPUTS times an activation and how much it grows with h, and, if gated, with up.

    Sigmoids are of a tanh to 11 bits: what is left of them has 4. The factor costs nothing there.
    """
    if KIND == "relu2":
        r = gl.maximum(h, 0.0)
        larger = r * INPUTS
        return r * larger, 2 * larger, r
    elif KIND == "swiglu":
        t = tanh(h * 0.5)
        s, less = t * (0.5 * INPUTS) + 0.5 * INPUTS, 0.5 - t * 0.5
        silu = h * s
        return silu * up, up * (s + silu * less), silu
    else:
        square = h * h
        t = tanh(h * (square * (0.5 * SQUEEZE * CUBE) + 0.5 * SQUEEZE))
        s, less = t * (0.5 * INPUTS) + 0.5 * INPUTS, 0.5 - t * 0.5
        a = h * s
        return a, s + a * less * (square * (3 * SQUEEZE * CUBE) + SQUEEZE), a


@gluon.jit
def tanh(x):  # type: ignore[no-untyped-def]
    return gl.inline_asm_elementwise(
        "tanh.approx.f32 $0, $1;", "=f,f", [x], dtype=gl.float32, is_pure=True, pack=1
    )


@gluon.jit
def to_fp8(x, dtype: gl.constexpr):  # type: ignore[no-untyped-def]
    """See `brnb.ops.kernels.transposing`."""
    zero = gl.full(x.shape, 0, gl.int32, layout=x.type.layout) + gl.program_id(2)
    code: gl.constexpr = TO_E5M2 if dtype == gl.float8e5 else TO_E4M3
    code8 = gl.inline_asm_elementwise(
        code, "=r,f,f,f,f,r,r,r,r", [x, zero], dtype=gl.uint8, is_pure=True, pack=4
    )
    return code8.to(dtype, bitcast=True)


@gluon.jit
def words(a, b, c, d):  # type: ignore[no-untyped-def]
    """See `brnb.ops.kernels.transposing`."""
    a, b = a.to(gl.uint8, bitcast=True), b.to(gl.uint8, bitcast=True)
    c, d = c.to(gl.uint8, bitcast=True), d.to(gl.uint8, bitcast=True)
    return gl.inline_asm_elementwise(
        TRANSPOSE, "=&r,=&r,=&r,=&r,r,r,r,r", [a, b, c, d], dtype=gl.int32, is_pure=True, pack=4
    )
