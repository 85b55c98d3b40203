"""Products in 8 bits of a model that only answers: a scale for every token, one for every output.

Weights are cut to e4m3 once, each row by its own largest value; what they multiply, in the kernel
that makes it (rowwise scaling, as in PyTorch's and vLLM's dynamic quantisation). Trainings have
fixed scales instead: see `brnb.ops.fp8`. The definitions here are what
`brnb.ops.kernels.eight_bits` does on a GPU.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from brnb.ops import decoding
from brnb.ops.formats import E4M3

MOST = torch.finfo(E4M3).max
LEAST = 1e-12  # a largest value of a row, so that none of zeros divides by zero


class Weight(NamedTuple):
    """A matrix (N, K): in the model's precision, or in 8 bits with a scale for every row, (N, 1)
    in fp32, by which its values are multiplied."""

    values: Tensor
    scales: Tensor | None = None


@torch.library.custom_op("brnb::rows_in_8_bits", mutates_args=(), device_types="cpu")
def rows_in_8_bits(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (N, K) in e4m3, and what they are to be multiplied by, (N, 1) in fp32."""
    wide = x.float()
    scales = wide.abs().amax(1, keepdim=True).clamp(min=LEAST) / MOST
    return (wide / scales).clamp(-MOST, MOST).to(E4M3), scales


@torch.library.custom_op("brnb::normed_in_8_bits", mutates_args=(), device_types="cpu")
def normed_in_8_bits(x: Tensor, gain: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`rows_in_8_bits` of the root-mean-square norm of rows."""
    return rows_in_8_bits(decoding.rms_norm(x, gain, eps))


@torch.library.custom_op("brnb::gated_in_8_bits", mutates_args=(), device_types="cpu")
def gated_in_8_bits(joined: Tensor) -> tuple[Tensor, Tensor]:
    """`rows_in_8_bits` of silu(gate) * up of rows (N, 2F) that hold both."""
    return rows_in_8_bits(decoding.swiglu(joined))


def product(x: tuple[Tensor, Tensor], weight: Weight) -> Tensor:
    """X W^T, (N, M), of rows in 8 bits (N, K) and a weight in 8 bits (M, K); bf16 on a GPU."""
    values, scales = x
    assert weight.scales is not None
    if values.is_cuda:
        return torch._scaled_mm(
            values, weight.values.t(), scales, weight.scales.t(), out_dtype=torch.bfloat16,
            use_fast_accum=True,
        )  # fmt: skip
    return (values.float() @ weight.values.float().t()) * scales * weight.scales.t()


if torch.cuda.is_available():  # Triton comes with PyTorch for GPUs only
    from brnb.ops.kernels import eight_bits as kernels

    rows_in_8_bits.register_kernel("cuda", kernels.rows_in_8_bits)
    normed_in_8_bits.register_kernel("cuda", kernels.normed_in_8_bits)
    gated_in_8_bits.register_kernel("cuda", kernels.gated_in_8_bits)
