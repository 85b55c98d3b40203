"""Kernels of a layer that answers, of rows in 8 bits and of NF4 beside other libraries, on a GPU.

Needs pytest, torch and transformers: `make test-gpu`, or with `--noconftest` where the rest of the
project is not installed.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from kernel_numbers import BF16, cut_rows, distance, gpu, needs_gpu, normal

from brnb.ops import decoding
from brnb.ops.eight_bits import (
    Weight,
    gated_in_8_bits,
    normed_in_8_bits,
    product,
    rows_in_8_bits,
)
from brnb.ops.rope import rope_table

pytestmark = needs_gpu


def llama_rope(tokens, size):
    """Cosines and sines of transformers' Llama, (N, D)."""
    cos, sin = rope_table(tokens, size, 10_000.0)
    return torch.cat((cos, cos), -1).to(BF16), torch.cat((sin, sin), -1).to(BF16)


@pytest.mark.parametrize("shape", [(1, 48), (7, 576), (33, 4096)])
def test_a_norm_rounds_where_transformers_does(shape):
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    norm, x = LlamaRMSNorm(shape[1], 1e-5), normal(*shape, dtype=BF16, scale=3.0)
    norm.weight.data = 1 + normal(shape[1], dtype=BF16, scale=0.1)
    found = decoding.rms_norm(*gpu(x, norm.weight.data), 1e-5).cpu()
    expected = norm(x).detach()
    assert (found == expected).float().mean() > 0.999  # a sum in another order, at a rounding edge
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=0)


@pytest.mark.parametrize("shape", [(1, 40), (7, 1536), (33, 1000)])
def test_swiglu_rounds_where_transformers_does(shape):
    joined = normal(*shape, dtype=BF16, scale=2.0)
    gate, up = joined.chunk(2, -1)
    found, expected = decoding.swiglu(gpu(joined)).cpu(), F.silu(gate) * up
    assert (found == expected).float().mean() > 0.99  # exponentials differ in their last bit
    torch.testing.assert_close(found, expected, rtol=2**-6, atol=0)


def head_norms(q, k, size):
    """Qwen3's norms of queries and keys, their results, and their gains."""
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

    norms = [Qwen3RMSNorm(size, 1e-6).to(BF16) for _ in "qk"]
    for norm in norms:
        norm.weight.data = 1 + normal(size, dtype=BF16, scale=0.2)
    gains = [norm.weight.detach() for norm in norms]
    return [norm(part).detach() for norm, part in zip(norms, (q, k), strict=True)], gains


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(("heads", "kv", "size"), [(4, 4, 16), (9, 3, 64), (32, 8, 128)])
def test_queries_and_keys_are_rotated_and_stored_as_by_transformers(heads, kv, size, normed):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    count, places = 5, 11
    joined, rows = (
        normal(count, (heads + 2 * kv) * size, dtype=BF16),
        torch.tensor([7, 0, 3, 10, 4]),
    )
    rope = llama_rope(count, size)
    q, k, v = joined.unflatten(1, (-1, size)).split([heads, kv, kv], 1)
    (q, k), gains = head_norms(q, k, size) if normed else ((q, k), [])
    q, k = apply_rotary_pos_emb(q[None], k[None], *(part[None] for part in rope), unsqueeze_dim=2)
    keys, values = (torch.zeros(places, kv, size, dtype=BF16, device="cuda") for _ in "kv")
    on_gpu = tuple(part.cuda() for part in (*gains, *rope, rows))
    gains, (cos, sin, at) = on_gpu[:-3], on_gpu[-3:]
    found = decoding.rotate_and_store(joined.cuda(), gains, 1e-6, cos, sin, at, keys, values)
    for got, expected in ((found.cpu(), q[0]), (keys.cpu()[rows], k[0])):
        if normed:  # a sum in another order, at a rounding edge
            assert (got == expected).float().mean() > 0.99
            torch.testing.assert_close(got, expected, rtol=2**-6, atol=2**-6)
        else:
            assert torch.equal(got, expected)
    assert torch.equal(values.cpu()[rows], v)
    assert not keys.cpu()[[1, 2, 5, 6, 8, 9]].any()


@pytest.mark.parametrize("dtype", [torch.float32, BF16])
@pytest.mark.parametrize(("heads", "kv", "size"), [(4, 4, 16), (9, 3, 64), (32, 8, 128)])
def test_a_token_of_each_slot_attends_to_the_keys_up_to_its_own(heads, kv, size, dtype):
    positions = torch.tensor([0, 1, 31, 32, 33, 95])
    q = normal(len(positions), heads, size, dtype=dtype)
    keys, values = (normal(len(positions) + 1, 96, kv, size, dtype=dtype) for _ in "kv")
    found = decoding.attend_slots(*gpu(q, keys, values, positions), 1 / math.sqrt(size))
    for slot, position in enumerate(positions):
        seen = (part[slot, : position + 1].float().transpose(0, 1) for part in (keys, values))
        expected = F.scaled_dot_product_attention(q[slot, :, None].float(), *seen, enable_gqa=True)
        assert distance(found[slot], expected[:, 0]) < (1e-5 if dtype == torch.float32 else 0.01)


@pytest.mark.parametrize("shape", [(1, 64), (7, 1536), (33, 1000)])
def test_rows_are_cut_by_their_largest(shape):
    from transformers.models.llama.modeling_llama import LlamaRMSNorm  # PyTorch's rounds once less

    x, gain = normal(*shape, dtype=BF16, scale=3.0), normal(shape[1], dtype=BF16)
    joined, norm = normal(shape[0], 2 * shape[1], dtype=BF16), LlamaRMSNorm(shape[1], 1e-5)
    norm.weight.data = gain
    gate, up = joined.chunk(2, -1)
    cases = (
        (cut_rows(x), rows_in_8_bits(gpu(x))),
        (cut_rows(norm(x).detach()), normed_in_8_bits(*gpu(x, gain), 1e-5)),
        (cut_rows(F.silu(gate) * up), gated_in_8_bits(gpu(joined))),
    )
    for (values, scales), made in cases:
        torch.testing.assert_close(made[1].cpu(), scales, rtol=2**-7, atol=0)
        assert distance(made[0].float() * made[1], values.double() * scales) < 0.01


def test_a_product_in_8_bits_is_that_of_its_rows():
    x, weight = cut_rows(normal(48, 512)), cut_rows(normal(96, 512, scale=0.1))
    made = product(gpu(*x), Weight(*gpu(*weight)))
    expected = (x[0].double() * x[1]) @ (weight[0].double() * weight[1]).t()
    assert distance(made, expected) < 0.005


@pytest.mark.parametrize("dtype", [BF16, torch.float16, torch.float32])
@pytest.mark.parametrize("shape", [(64, 64), (96, 320), (1, 4096), (1000, 192)])
def test_nf4_is_that_of_bitsandbytes_to_the_bit(shape, dtype):
    bnb = pytest.importorskip("bitsandbytes.functional", reason="its NF4 is the definition")
    from brnb.ops.kernels import nf4

    weight = normal(*shape, dtype=dtype, scale=0.02).cuda()
    packed, state = bnb.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    assert nf4.readable(packed, state)
    wide = torch.zeros(shape[0], shape[1] + 32, dtype=dtype, device="cuda")  # rows lie apart
    found = nf4.dequantise(packed, state, wide[:, :-32])
    assert torch.equal(found, bnb.dequantize_4bit(packed, state))
    assert not wide[:, -32:].any()
