"""Kernels of attention and of the loss against their exact definition in PyTorch, on a GPU.

Needs pytest, torch and transformers: `make test-gpu`, or with `--noconftest` where the rest of the
project is not installed.
"""

import pytest
import torch
from kernel_numbers import (
    BF16,
    E5M2,
    assert_near,
    distance,
    gpu,
    needs_gpu,
    normal,
    same_bytes,
    softcaps,
    with_or_without_bias,
)

from brnb.ops import loss, loss_fp8
from brnb.ops.attention import attention
from brnb.ops.rope import rope_table

pytestmark = needs_gpu
LOGITS = [(1, 2), (7, 97), (33, 8191), (5, 8193), (3, 50_257)]


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize(
    ("batch", "length", "heads", "head_dim"),
    [(1, 64, 1, 32), (3, 192, 5, 32), (2, 448, 3, 64), (1, 2048, 2, 64)],
)
def test_attention_and_its_gradients_are_those_of_the_definition(
    batch, length, heads, head_dim, rotated
):
    qkv = normal(batch, length, 3 * heads * head_dim, dtype=BF16)
    d = normal(batch, length, heads * head_dim, dtype=BF16)
    angles = rope_table(length, head_dim, 10_000.0) if rotated else (None, None)

    def run(device, dtype):
        inputs = qkv.to(device, dtype).requires_grad_()
        on_device = (part if part is None else part.to(device) for part in angles)
        y, normalisers, _ = attention(inputs, *on_device, heads)
        return y, normalisers, torch.autograd.grad(y, inputs, d.to(device, dtype))[0]

    assert_near(run("cuda", BF16), run("cpu", torch.float32), 0.02)


@softcaps
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
@pytest.mark.parametrize("shape", LOGITS)
def test_logits_become_the_gradient_of_their_loss(shape, dtype, softcap):
    logits, targets = normal(*shape, dtype=dtype, scale=3.0), torch.arange(shape[0]) % shape[1]
    on_gpu = gpu(logits)
    found = loss.turn_into_gradient(on_gpu, targets.cuda(), softcap)
    expected = loss.turn_into_gradient(logits, targets, softcap)
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-5)
    near = {"rtol": 1e-4, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 2**-7, "atol": 1e-6}
    torch.testing.assert_close(on_gpu.cpu(), logits, **near)


@pytest.mark.parametrize("count", [1, 4095, 4097, 100_003])
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_a_product_with_a_number_of_the_device(count, dtype):
    part, share = normal(count, dtype=dtype), torch.tensor(0.3)
    found = loss.multiplied(*gpu(part, share))
    assert torch.equal(found.cpu(), (part.float() * share).to(dtype))


@softcaps
@with_or_without_bias
def test_the_loss_of_a_head_and_its_gradients_are_those_of_the_definition(bias, softcap):
    hidden, weight = normal(3, 111, 48).requires_grad_(), normal(1001, 48, scale=0.2)
    weight.requires_grad_()
    offset = normal(1001).requires_grad_() if bias else None
    targets = torch.arange(333).reshape(3, 111) * 3

    def run(*inputs):
        y = loss.fused_cross_entropy(inputs[0], inputs[1], inputs[2], softcap, inputs[3])
        leaves = [v for v in (inputs[0], inputs[1], inputs[3]) if v is not None]
        return y[None], *torch.autograd.grad(0.3 * y, leaves)

    expected = run(hidden, weight, targets, offset)
    assert_near(run(*gpu(hidden, weight, targets, offset)), expected, 1e-3)  # TF32 at the most


@softcaps
@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (256, 4064), (64, 16_416)])
def test_gradients_of_logits_in_8_bits_and_their_transpose(shape, softcap):
    rows, columns = shape
    logits, targets = normal(*shape, dtype=BF16, scale=3.0), torch.arange(rows) % columns

    def run(device):
        g8 = torch.zeros(shape, dtype=E5M2, device=device)
        wide = torch.zeros(columns, rows + 64, dtype=E5M2, device=device)  # rows lie apart
        total = loss_fp8.gradients_in_8_bits(
            logits.to(device), targets.to(device), softcap, g8, wide[:, 32 : rows + 32]
        )
        assert same_bytes(wide[:, 32 : rows + 32].contiguous(), g8.t().contiguous())
        assert not wide[:, :32].float().any()
        assert not wide[:, rows + 32 :].float().any()
        return total[None], g8.float()

    found, expected = run("cuda"), run("cpu")
    torch.testing.assert_close(found[0].cpu(), expected[0], rtol=1e-5, atol=1e-4)
    assert distance(found[1], expected[1]) < 0.01


@softcaps
def test_the_loss_of_a_head_in_8_bits_and_its_gradients(softcap):
    hidden, weight = normal(256, 96).requires_grad_(), normal(1056, 96, scale=0.2).requires_grad_()
    targets = torch.arange(256) * 4

    def run(*inputs):
        y = loss_fp8.cross_entropy(*inputs, softcap)
        return y[None], *torch.autograd.grad(0.3 * y, inputs[:2])

    expected = run(hidden, weight, targets)
    assert_near(run(*gpu(hidden, weight, targets)), expected, 0.01)
