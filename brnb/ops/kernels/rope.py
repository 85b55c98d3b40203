"""RoPE inside GPU kernels, in Triton; import it where there is a GPU. See `brnb.ops.rope`."""

import triton
import triton.language as tl


@triton.jit
def rotate(low, high, cos, sin, PRODUCTS: tl.constexpr):  # type: ignore[no-untyped-def]
    """Both halves of heads, in fp32, by angles; products are rounded to a type of their own.

    Rounded ones must not be fused with the addition: compile with ``enable_fp_fusion=False``.
    """
    first = (low * cos).to(PRODUCTS).to(tl.float32) - (high * sin).to(PRODUCTS).to(tl.float32)
    second = (high * cos).to(PRODUCTS).to(tl.float32) + (low * sin).to(PRODUCTS).to(tl.float32)
    return first, second
