"""Every kernel of `brnb.ops.kernels` against its exact definition in PyTorch, on a GPU.

The definitions are what a CPU computes, and tests of their own hold them against other libraries.
Sizes are odd where a kernel has tiles: one row, rows between two tiles, widths of no power of two.
Needs pytest, torch and transformers: `make test-gpu`, or with `--noconftest` where the rest of the
project is not installed.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from brnb.ops import decoding, formats, fp8, loss, loss_fp8, streaming
from brnb.ops.attention import attention
from brnb.ops.eight_bits import (
    Weight,
    gated_in_8_bits,
    normed_in_8_bits,
    product,
    rows_in_8_bits,
)
from brnb.ops.rope import rope_table

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="kernels need a GPU: make test-gpu runs these there"
)
BF16, E4M3, E5M2 = torch.bfloat16, formats.E4M3, formats.E5M2
every_kind = pytest.mark.parametrize("kind", ["gelu", "relu2", "swiglu"])
with_or_without_bias = pytest.mark.parametrize("bias", [True, False])
softcaps = pytest.mark.parametrize("softcap", [None, 5.0])


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    """torch.compile sets up the ptxas that a training's kernels are built with, too."""
    if torch.cuda.is_available():
        torch.compile(lambda x: x + 1)(torch.zeros(8, device="cuda"))


def normal(*shape, dtype=torch.float32, scale=1.0):
    """Random numbers, the same on every machine, on the CPU."""
    generator = torch.Generator().manual_seed(sum(shape))
    return (scale * torch.randn(shape, generator=generator)).to(dtype)


def eight_bits(*shape, dtype=E4M3, scale=4.0):
    return normal(*shape, scale=scale).to(dtype)


def gpu(*values):
    """The same on the GPU, as leaves of their own."""
    moved = [
        v.detach().cuda().requires_grad_(v.requires_grad) if isinstance(v, torch.Tensor) else v
        for v in values
    ]
    return moved if len(moved) > 1 else moved[0]


def distance(found, expected):
    """Of two tensors, as a share of the second's norm."""
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    return float((found - expected).norm() / expected.norm())


def assert_near(found, expected, farthest):
    """Close in norm, each tensor of two sequences."""
    for got, true in zip(found, expected, strict=True):
        assert got.shape == true.shape
        assert distance(got, true) < farthest


def same_bytes(found, expected):
    return torch.equal(found.cpu().view(torch.uint8), expected.cpu().view(torch.uint8))


def assert_within_a_unit(found, expected, rtol):
    """8-bit numbers that differ by a unit at the most, but for what long sums lose.

    The matrix units keep 14 bits of a sum's largest terms: where terms cancel, what is left is off
    by up to a hundredth of what such sums usually are.
    """
    found, expected = found.cpu().float(), expected.float()
    usual = float(expected.square().mean().sqrt())
    torch.testing.assert_close(found, expected, rtol=rtol, atol=2**-7 + usual / 100)


# transposing


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
@pytest.mark.parametrize("kind", [torch.float32, BF16])
@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (416, 32), (1024, 352)])
def test_eight_bits_and_their_transpose_are_those_of_pytorch(shape, kind, dtype):
    x = normal(*shape, dtype=kind, scale=30.0)
    x[0, 0], x[1, 1], x[2, 2] = 1e6, -1e6, 1e-9  # cut, and too small for a number
    scale = torch.tensor(0.75)
    for found, expected in zip(
        fp8.with_transpose(*gpu(x, scale), dtype), fp8.with_transpose(x, scale, dtype), strict=True
    ):
        assert same_bytes(found, expected)


def test_rows_that_lie_apart_are_read_where_they_are():
    whole, scale = gpu(normal(128, 256), torch.tensor(1.0))
    for part in (whole[:, 64:160], whole.t()):
        found, expected = (
            fp8.with_transpose(x, scale.to(x.device), E4M3) for x in (part, part.cpu())
        )
        assert same_bytes(found[0], expected[0])
        assert same_bytes(found[1], expected[1])


@pytest.mark.parametrize("shape", [(32, 32), (96, 160), (4128, 64)])
def test_a_transpose_is_a_transpose(shape):
    x = eight_bits(*shape)
    assert same_bytes(fp8.transposed(gpu(x)), x.t().contiguous())


# split_k


@pytest.mark.parametrize(
    ("rows", "columns", "terms"),
    [(1024, 256, 131_072), (2048, 512, 65_536), (128, 256, 16_384), (96, 160, 288), (16, 48, 32)],
)
@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_long_sums_are_those_of_fp32(rows, columns, terms, dtype):
    a, b = eight_bits(rows, terms, dtype=E5M2).cuda(), eight_bits(columns, terms).cuda()
    factor = torch.tensor(0.125, device="cuda")
    found = fp8.matmul_fp32(a, b, factor, dtype)
    assert found.dtype == dtype
    assert distance(found, 0.125 * a.float() @ b.float().t()) < 0.005


@with_or_without_bias
def test_products_of_few_terms_are_those_of_fp32(bias):
    a, b, factor = eight_bits(256, 352), eight_bits(96, 352), torch.tensor(0.5)
    offset = normal(96) if bias else None
    found, expected = (fp8.matmul(*v) for v in (gpu(a, b, factor, offset), (a, b, factor, offset)))
    assert distance(found, expected) < 0.005


# mlp


@every_kind
@with_or_without_bias
@pytest.mark.parametrize(
    ("rows", "width", "hidden"),
    [(256, 32, 32), (512, 96, 160), (768, 256, 1024), (256, 544, 96), (256, 1056, 224)],
)
def test_activations_and_slopes_are_within_a_unit_of_8_bits(rows, width, hidden, kind, bias):
    halves = 2 if kind == "swiglu" else 1
    x8, u8 = eight_bits(rows, width), eight_bits(halves * hidden, width, scale=64 / width**0.5)
    offset, factor = normal(halves * hidden) if bias else None, torch.tensor(1 / 256)
    found = fp8.activated(*gpu(x8, u8, offset, factor), kind)
    expected = fp8.exact_activated(x8, u8, offset, factor, kind)
    assert same_bytes(found[1], found[0].t().contiguous())
    assert_near([part.float() for part in found], [part.float() for part in expected], 0.02)
    for got, true in zip(found, expected, strict=True):
        assert_within_a_unit(got, true, rtol=1 / 7)


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize(
    ("rows", "width", "hidden"),
    [(256, 32, 32), (512, 96, 160), (768, 256, 1024), (256, 544, 96), (256, 1056, 224)],
)
def test_gradients_through_slopes_are_within_a_unit_of_8_bits(rows, width, hidden, halves):
    g8, d8t = eight_bits(rows, width, dtype=E5M2), eight_bits(hidden, width, scale=1.0)
    slopes, factor = eight_bits(rows, halves * hidden, scale=1.0), torch.tensor(0.25)
    found = fp8.activated_backward(*gpu(g8, d8t, slopes, factor))
    expected = fp8.exact_activated_backward(g8, d8t, slopes, factor)
    assert same_bytes(found[1], found[0].t().contiguous())
    assert_near([part.float() for part in found], [part.float() for part in expected], 0.02)
    assert_within_a_unit(found[0], expected[0], rtol=1 / 3)


@every_kind
@with_or_without_bias
def test_an_mlp_and_its_gradients_are_those_of_the_definition(kind, bias):
    torch.manual_seed(0)
    ups = [nn.Linear(96, 160, bias) for _ in range(2 if kind == "swiglu" else 1)]
    down, x, d = nn.Linear(160, 96, bias), normal(2, 256, 96), normal(2, 256, 96, dtype=BF16)

    def run(device):
        inputs = x.to(device).requires_grad_()
        maps = [part.to(device) for part in (*ups, down)]
        y = fp8.mlp(inputs, maps[:-1], maps[-1], kind)
        leaves = [inputs, *(p for part in maps for p in part.parameters())]
        return y, *torch.autograd.grad(y, leaves, d.to(device))

    expected = run("cpu")
    assert_near(run("cuda"), expected, 0.03)


@with_or_without_bias
def test_a_joined_map_and_its_gradients_are_those_of_the_definition(bias):
    torch.manual_seed(0)
    maps = [nn.Linear(96, size, bias) for size in (96, 32, 32)]
    x, d = normal(2, 256, 96), normal(2, 256, 160, dtype=BF16)

    def run(device):
        inputs = x.to(device).requires_grad_()
        y = fp8.joined_linear(inputs, [part.to(device) for part in maps], in_fp8=True)
        leaves = [inputs, *(p for part in maps for p in part.parameters())]
        return y, *torch.autograd.grad(y, leaves, d.to(device))

    expected = run("cpu")
    assert_near(run("cuda"), expected, 0.01)


# attention


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


# loss

LOGITS = [(1, 2), (7, 97), (33, 8191), (5, 8193), (3, 50_257)]


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


# loss_fp8


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


# decoding


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


# streaming: one sequence

SMALL, ODD, LLAMA = (64, 96), (1000, 384), (3072, 2048)  # of a product's matrix
matrices = pytest.mark.parametrize("shape", [SMALL, ODD, LLAMA, (256, 8192)])
both_precisions = pytest.mark.parametrize("dtype", [torch.float32, BF16])


def farthest(dtype):
    return 1e-5 if dtype == torch.float32 else 0.005


@both_precisions
@matrices
def test_a_product_with_a_vector_norms_it_first(shape, dtype):
    norm = nn.RMSNorm(shape[1], 1e-5)
    norm.weight.data = normal(shape[1])
    x, weight = normal(shape[1]), normal(*shape, scale=0.1).to(dtype)
    made = streaming.normed_product(
        *gpu(x.to(dtype), norm.weight.data.to(dtype)), 1e-5, gpu(weight), None, gpu(weight)
    )
    expected = norm.to(dtype)(x.to(dtype)).detach().double() @ weight.double().t()
    assert distance(made, expected) < farthest(dtype)


@both_precisions
@matrices
def test_a_gated_product_is_activated(shape, dtype):
    x, weight = normal(shape[1]).to(dtype), normal(*shape, scale=0.1).to(dtype)
    made = streaming.gated_product(
        *gpu(x, torch.ones_like(x)), 1e-5, gpu(weight), None, gpu(weight)
    )
    wide = nn.RMSNorm(shape[1], 1e-5)(x.float()).detach().double() @ weight.double().t()
    gate, up = wide.chunk(2)
    assert distance(made, F.silu(gate) * up) < 2 * farthest(dtype)


@both_precisions
@matrices
def test_a_product_is_added(shape, dtype):
    x, y, weight = (normal(*s, scale=0.5).to(dtype) for s in (shape[:1], shape[1:], shape))
    made = gpu(x).clone()
    streaming.add_product(made, *gpu(y, weight), None, gpu(weight))
    assert distance(made, x.double() + weight.double() @ y.double()) < farthest(dtype)


@both_precisions
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(
    ("heads", "kv", "size"), [(4, 4, 32), (9, 3, 64), (16, 8, 128), (8, 1, 256)]
)
def test_one_token_attends_to_those_before_and_is_stored(heads, kv, size, normed, dtype):
    length, begin = 3000, 3000
    angles = [torch.cat([part] * 2, 1).to(dtype) for part in rope_table(length, size, 1e4)]
    gains = [1 + normal(size, scale=0.1).to(dtype) for _ in "qk"] if normed else []
    joined = normal((heads + 2 * kv) * size).to(dtype)
    before = [normal(2 * length, kv, size, scale=2.0).to(dtype) for _ in "kv"]
    arrived = torch.zeros(kv, dtype=torch.int32)
    for position in (0, 1, 63, 64, 65, 500, 1023, 1024, 2999):
        at = torch.tensor([begin]), torch.tensor([position])
        rest = [*angles, *at]
        exact = [part.clone().double() for part in before]
        expected = streaming.attend_one(
            joined.double(), [gain.double() for gain in gains], 1e-6,
            *(part.double() for part in angles), *at, *exact, arrived, size**-0.5, joined,
        )  # fmt: skip
        stored = [part.cuda() for part in before]
        seen = arrived.cuda()
        made = streaming.attend_one(
            joined.cuda(), [gain.cuda() for gain in gains], 1e-6,
            *(part.cuda() for part in rest), *stored, seen, size**-0.5, joined.cuda(),
        )  # fmt: skip
        assert distance(made, expected) < (1e-5 if dtype == torch.float32 else 0.02)
        for found, true in zip(stored, exact, strict=True):
            assert distance(found, true) < farthest(dtype)
        assert not seen.any()


@matrices
def test_weights_in_8_bits_are_scaled_by_row(shape):
    weight = cut_rows(normal(*shape, scale=0.1))
    whole = weight[0].double() * weight[1].double()
    x, ones = normal(shape[1]).to(BF16), torch.ones(shape[1], dtype=BF16)
    unit = nn.RMSNorm(shape[1], 1e-5)(x.float()).detach().double()
    made = streaming.normed_product(*gpu(x, ones), 1e-5, *gpu(*weight, weight[0]))
    assert distance(made, whole @ unit) < 0.005
    gate, up = (whole @ unit).chunk(2)
    made = streaming.gated_product(*gpu(x, ones), 1e-5, *gpu(*weight, weight[0]))
    assert distance(made, F.silu(gate) * up) < 0.01
    made = torch.zeros(shape[0], dtype=BF16, device="cuda")
    streaming.add_product(made, *gpu(x, *weight, weight[0]))
    assert distance(made, whole @ x.double()) < 0.005


def cut_rows(x):
    """Rows in e4m3, each by its own scale."""
    scales = x.float().abs().amax(1, keepdim=True) / 448
    return (x.float() / scales).to(E4M3), scales


# eight_bits: rows of tokens


@pytest.mark.parametrize("shape", [(1, 64), (7, 1536), (33, 1000)])
def test_rows_are_cut_by_their_largest(shape):
    x, gain = normal(*shape, dtype=BF16, scale=3.0), normal(shape[1], dtype=BF16)
    joined, norm = normal(shape[0], 2 * shape[1], dtype=BF16), nn.RMSNorm(shape[1], 1e-5)
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


@both_precisions
@pytest.mark.parametrize("largest", [[0, 999], [637, 638], [999]])
def test_the_first_of_the_largest_scores_is_taken(largest, dtype):
    x, weight = torch.ones(256, dtype=dtype), -normal(1000, 256).abs().to(dtype)
    weight[largest] = -1e-4  # all scores are negative
    best = torch.full((1,), streaming.LEAST, device="cuda")
    last, begins, position = (torch.tensor([n], device="cuda") for n in (5, 0, 30))
    streaming.best_score(*gpu(x, torch.ones_like(x)), 1e-5, gpu(weight), best)
    streaming.advance(best, last, begins, position, 64, 32)
    assert (int(last), int(position), int(best)) == (largest[0], 31, streaming.LEAST)


@pytest.mark.parametrize(("begins", "position", "after"), [(0, 30, 31), (0, 31, 31), (64, 3, 3)])
def test_a_step_ends_one_further_unless_the_slot_is_full_or_free(begins, position, after):
    where = torch.tensor([position], device="cuda")
    best, last, begin = (torch.tensor([n], device="cuda") for n in (7, 5, begins))
    streaming.advance(best, last, begin, where, 64, 32)
    assert int(where) == after


# nf4


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
