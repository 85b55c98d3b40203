"""The fused kernel (Algorithm 19) against attention in fp64.

Runs on a GPU, or on a CPU in Triton's interpreter where Triton is installed (TRITON_INTERPRET=1);
Triton comes with PyTorch for GPUs only.
"""

import os
from functools import partial

import pytest
import torch
import torch.nn.functional as F

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytest.importorskip("triton", reason="Triton comes with PyTorch for GPUs only")
if not (INTERPRETED or torch.cuda.is_available()):
    pytest.skip("wants a GPU, or TRITON_INTERPRET=1", allow_module_level=True)
from brnb.ops.kernels.flash import flash_attention  # noqa: E402

DEVICE, DTYPE = ("cpu", torch.float16) if INTERPRETED else ("cuda", torch.bfloat16)
# In bf16 weights and results are both rounded, each 1.7e-3 in norm: PyTorch's FlashAttention has
# 2.07e-3 in the output and 2.4e-3 in gradients on an H200, as has ours.
GOAL, OF_PYTORCHS = 2e-3, 1.05


def relative_errors(attend, parts, d, exact):
    """Of output and gradients, in the Frobenius norm."""
    parts = [part.detach().requires_grad_() for part in parts]
    out = attend(*parts)
    out.backward(d)
    made = [out, *(part.grad for part in parts)]
    return [((a.double() - b).norm() / b.norm()).item() for a, b in zip(made, exact, strict=True)]


@pytest.mark.parametrize(("T", "D"), [(128, 128), (384, 128), (256, 64)])
def test_as_exact_as_pytorchs(T, D):
    torch.manual_seed(0)
    *parts, d = (torch.randn(1, 2, T, D, device=DEVICE, dtype=DTYPE) for _ in range(4))
    inputs = [part.double().requires_grad_() for part in parts]
    expected = F.scaled_dot_product_attention(*inputs, is_causal=True)
    expected.backward(d.double())
    exact = [expected.detach(), *(part.grad for part in inputs)]
    theirs = relative_errors(
        partial(F.scaled_dot_product_attention, is_causal=True), parts, d, exact
    )
    ours = relative_errors(flash_attention, parts, d, exact)
    for error, their_error in zip(ours, theirs, strict=True):
        assert error <= max(GOAL, OF_PYTORCHS * their_error)


@pytest.mark.parametrize("shape", [(1, 1, 100, 128), (1, 1, 128, 96)])
def test_what_fits_no_tile_is_refused(shape):
    x = torch.zeros(shape, device=DEVICE, dtype=DTYPE)
    with pytest.raises(ValueError, match="a length that 128 divides"):
        flash_attention(x, x, x)
