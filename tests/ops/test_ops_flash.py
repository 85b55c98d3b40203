"""The fused kernel (Algorithm 19) against attention in fp64.

Runs on a GPU, or on a CPU in Triton's interpreter where Triton is installed (TRITON_INTERPRET=1);
Triton comes with PyTorch for GPUs only.
"""

import os

import pytest
import torch
import torch.nn.functional as F

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytest.importorskip("triton", reason="Triton comes with PyTorch for GPUs only")
if not (INTERPRETED or torch.cuda.is_available()):
    pytest.skip("wants a GPU, or TRITON_INTERPRET=1", allow_module_level=True)
from brnb.ops.kernels.flash import flash_attention  # noqa: E402

DEVICE, DTYPE = ("cpu", torch.float16) if INTERPRETED else ("cuda", torch.bfloat16)
MOST = 2e-3  # relative error, in the Frobenius norm


@pytest.mark.parametrize(("T", "D"), [(128, 128), (384, 128), (256, 64)])
def test_output_and_gradients(T, D):
    torch.manual_seed(0)
    q, k, v, d = (torch.randn(1, 2, T, D, device=DEVICE, dtype=DTYPE) for _ in range(4))
    exact = [part.double().requires_grad_() for part in (q, k, v)]
    expected = F.scaled_dot_product_attention(*exact, is_causal=True)
    expected.backward(d.double())
    parts = [part.requires_grad_() for part in (q, k, v)]
    out = flash_attention(*parts)
    out.backward(d)
    made = [out, *(part.grad for part in parts)]
    for found, true in zip(made, [expected, *(part.grad for part in exact)], strict=True):
        assert ((found.double() - true).norm() / true.norm()).item() < MOST


@pytest.mark.parametrize("shape", [(1, 1, 100, 128), (1, 1, 128, 96)])
def test_what_fits_no_tile_is_refused(shape):
    x = torch.zeros(shape, device=DEVICE, dtype=DTYPE)
    with pytest.raises(ValueError, match="a length that 128 divides"):
        flash_attention(x, x, x)
