"""Products in 8 bits against PyTorch's own rounding, autograd, and training in fp32."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.ops import formats, fp8
from brnb.ops.activation import activation, activation_backward
from brnb.ops.loss import fused_cross_entropy
from brnb.ops.loss_fp8 import cross_entropy
from brnb.ops.split_k import split_count
from brnb.train import fast
from brnb.train.recorded import make_step

CPU = torch.device("cpu")
every_kind = pytest.mark.parametrize("kind", ["gelu", "relu2", "swiglu"])
FORMS = {
    "gpt": {},
    "llama": {"norm": "rmsnorm", "position": "rope", "mlp": "swiglu", "bias": False, "kv_heads": 2},
    "modern": {"mlp": "relu2", "qk_norm": True, "tied": False, "softcap": 15.0, "bias": False},
}


def rounded(x, bits):
    """To the nearest number with so many bits after the first, none of them near an end."""
    unit = 2.0 ** (x.abs().double().log2().floor() - bits)
    return (x.double() / unit).round() * unit


def distance(found, expected):
    return float((found - expected).norm() / expected.norm())


def build(form):
    torch.manual_seed(0)
    sizes = {"vocab_size": 96, "width": 64, "layers": 2, "heads": 4, "kv_heads": 4, "context": 32}
    return TransformerLM(**(sizes | {"hidden": 128} | FORMS[form])).train()


@settings(deadline=None, max_examples=25)
@given(rows=st.sampled_from([16, 48]), seed=st.integers(0, 10**6), bias=st.booleans())
def test_a_product_is_that_of_the_rounded_operands(rows, seed, bias):
    random = torch.Generator().manual_seed(seed)
    x = (torch.rand(rows, 32, generator=random) + 0.5) * torch.randn(32, generator=random).sign()
    weight = 0.02 * (torch.rand(48, 32, generator=random) + 0.5)
    offset = torch.randn(48, generator=random) if bias else None
    linear = nn.Linear(32, 48, bias=bias)
    linear.weight.data = weight
    if bias:
        linear.bias.data = offset
    x.requires_grad_()
    y = fp8.joined_linear(x, [linear], in_fp8=True)
    exact = rounded(x.detach(), 3) @ rounded(weight, 3).T
    exact = exact if offset is None else exact + offset
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.double(), exact, rtol=0.004, atol=1e-4)
    dy = torch.rand(rows, 48, generator=random) + 0.5
    y.backward(dy.bfloat16())
    gradient, scale = dy.bfloat16().float(), fp8.gradient_scale(dy.bfloat16()[::64])
    gradient = rounded(gradient * scale, 2) / scale
    torch.testing.assert_close(x.grad.double(), gradient @ rounded(weight, 3), rtol=0.004, atol=0)
    expected = gradient.T @ rounded(x.detach(), 3)
    torch.testing.assert_close(linear.weight.grad.double(), expected, rtol=1e-5, atol=1e-4)
    if bias:
        torch.testing.assert_close(linear.bias.grad, dy.bfloat16().float().sum(0))


@pytest.mark.parametrize("bias", [True, False])
def test_joined_maps_are_the_maps_side_by_side(bias):
    torch.manual_seed(0)
    maps = [nn.Linear(64, size, bias) for size in (64, 32, 32)]
    x = torch.randn(2, 64, 64)
    expected = torch.cat([part(x) for part in maps], dim=-1)
    torch.testing.assert_close(fp8.joined_linear(x, maps, in_fp8=False), expected)
    assert distance(fp8.joined_linear(x, maps, in_fp8=True), expected) < 0.05


@every_kind
def test_the_gradient_of_an_activation_is_autograds(kind):
    torch.manual_seed(0)
    parts = [torch.randn(5, 7, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    parts = parts if kind == "swiglu" else parts[:1]
    y = activation(kind, *parts)
    d = torch.randn_like(y)
    expected = torch.cat(torch.autograd.grad(y, parts[::-1], d), dim=-1)
    torch.testing.assert_close(activation_backward(kind, d, *parts), expected)


@every_kind
@pytest.mark.parametrize("bias", [True, False])
def test_inner_values_and_slopes_are_those_of_autograd(kind, bias):
    random = torch.Generator().manual_seed(0)
    x8 = fp8.to_fp8(torch.randn(64, 32, generator=random), formats.INPUTS, formats.E4M3)
    u8 = fp8.to_fp8(0.3 * torch.randn(96, 32, generator=random), formats.WEIGHTS, formats.E4M3)
    offset = torch.randn(96, generator=random) if bias else None
    before = F.linear(
        x8.float() / formats.INPUTS, u8.float() / formats.WEIGHTS, offset
    ).requires_grad_()
    if kind == "swiglu":
        gate, up = before.chunk(2, dim=-1)
        expected = F.silu(gate) * up
    else:
        expected = F.gelu(before, approximate="tanh") if kind == "gelu" else F.relu(before) ** 2
    (slopes,) = torch.autograd.grad(expected.sum(), before)
    factor = torch.tensor(1 / (formats.INPUTS * formats.WEIGHTS))
    found, transposed, found_slopes = fp8.activated(x8, u8, offset, factor, kind)
    near = {"rtol": 1 / 16, "atol": 2**-10 / formats.INPUTS}  # half a unit of e4m3
    torch.testing.assert_close(found.float() / formats.INPUTS, expected.detach(), **near)
    torch.testing.assert_close(found_slopes.float() / formats.INPUTS, slopes, **near)
    assert torch.equal(transposed.float(), found.float().t())


@pytest.mark.parametrize("halves", [1, 2])
def test_a_gradient_goes_back_through_slopes(halves):
    random = torch.Generator().manual_seed(0)
    g8 = (4 * torch.randn(64, 32, generator=random)).to(formats.E5M2)
    d8t = (4 * torch.randn(48, 32, generator=random)).to(formats.E4M3)
    slopes = torch.randn(64, 48 * halves, generator=random).to(formats.E4M3)
    found, transposed = fp8.activated_backward(g8, d8t, slopes, torch.tensor(0.5))
    through = torch.cat([0.5 * g8.float() @ d8t.float().t()] * halves, dim=1)
    expected = through * slopes.float()
    torch.testing.assert_close(found.float(), expected, rtol=1 / 8, atol=1e-4)
    assert torch.equal(transposed.float(), found.float().t())


@every_kind
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("growth", [1 / 16, 1, 30])  # of what inner gradients are scaled by
def test_an_mlp_stays_within_the_rounding_of_8_bits(kind, bias, growth):
    torch.manual_seed(0)
    ups = [nn.Linear(64, 128, bias) for _ in range(2 if kind == "swiglu" else 1)]
    down, x = nn.Linear(128, 64, bias), torch.randn(2, 64, 64, requires_grad=True)
    down.weight.data *= growth
    leaves = [x, *(p for part in (*ups, down) for p in part.parameters())]
    expected = down(activation(kind, *(part(x) for part in reversed(ups))))
    found = fp8.mlp(x, ups, down, kind)
    d = torch.randn_like(expected)
    assert distance(found, expected) < 0.08  # e4m3: up to 1/16 a number, e5m2: up to 1/8
    for got, true in zip(
        torch.autograd.grad(found, leaves, d.bfloat16()),
        torch.autograd.grad(expected, leaves, d),
        strict=True,
    ):
        assert got.shape == true.shape
        assert distance(got, true) < 0.12


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_the_loss_of_a_head_in_8_bits_and_its_gradients(softcap):
    torch.manual_seed(0)
    hidden = torch.randn(80, 32).requires_grad_()
    weight = (0.2 * torch.randn(48, 32)).requires_grad_()
    targets = torch.randint(48, (80,))
    expected = fused_cross_entropy(hidden, weight, targets, softcap)
    found = cross_entropy(hidden, weight, targets, softcap)
    assert found.item() == pytest.approx(expected.item(), rel=0.01)
    for got, true in zip(
        torch.autograd.grad(0.3 * found, (hidden, weight)),
        torch.autograd.grad(0.3 * expected, (hidden, weight)),
        strict=True,
    ):
        assert distance(got, true) < 0.06


def test_what_is_too_large_is_cut_and_no_gradient_has_a_scale():
    assert fp8.to_fp8(torch.tensor([1e9, -1e9]), 4.0, formats.E4M3).float().tolist() == [448, -448]
    assert fp8.to_fp8(torch.tensor([1e9]), 4.0, formats.E5M2).float().item() == 57344
    zeros = torch.zeros(4, 4)
    assert (fp8.to_fp8(zeros, fp8.gradient_scale(zeros), formats.E5M2).float() == 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_a_model_computes_in_8_bits_in_training_only(form):
    model, ids = build(form), torch.randint(96, (8, 33))
    x, y = ids[:, :-1], ids[:, 1:]
    exact = copy.deepcopy(model)
    expected, _ = make_step(exact, "fp32", CPU)(x, y, None, 1.0)
    found, _ = make_step(model, "fp8", CPU, fast.step_swaps)(x, y, None, 1.0)
    assert found != expected
    assert found.item() == pytest.approx(expected.item(), rel=0.01)
    for (name, p), true in zip(model.named_parameters(), exact.parameters(), strict=True):
        if not name.endswith("key.bias"):  # softmax does not see it: its gradient is noise
            assert distance(p.grad, true.grad) < 0.25, name
    for part in (model, exact):
        part.eval()
    assert torch.equal(model(x)[0], exact(x)[0])


@pytest.mark.parametrize("form", FORMS)
def test_training_in_8_bits_has_the_losses_of_fp32(form):
    ids = torch.randint(96, (60, 8, 1), generator=torch.Generator().manual_seed(1))
    text = torch.cat([(ids * 5 + 7 * i) % 96 for i in range(33)], dim=-1)  # learnable
    curves = []
    for precision in ("fp32", "fp8"):
        model, losses = build(form), []
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
        step = make_step(model, precision, CPU, fast.step_swaps)
        for part in text:
            optimizer.zero_grad()
            loss, _ = step(part[:, :-1], part[:, 1:], None, 1.0)
            optimizer.step()
            losses.append(loss)
        curves.append(torch.stack(losses))
    assert curves[0][-10:].mean() < 0.7 * curves[0][0]
    assert (curves[1] - curves[0]).abs().max() < 0.1
    assert curves[1][-10:].mean() == pytest.approx(curves[0][-10:].mean().item(), rel=0.05)


def test_what_cannot_be_in_8_bits_is_an_error():
    with pytest.raises(ValueError, match=r'"fp8" is for .* this RecurrentLM has none: take "bf16"'):
        make_step(RecurrentLM(32, 16, 1, 16), "fp8", CPU)
    odd = {"width": 64, "layers": 1, "heads": 4, "kv_heads": 4, "context": 32, "hidden": 128}
    with pytest.raises(ValueError, match="multiples of 32, and vocab_size = 97: change it"):
        make_step(TransformerLM(vocab_size=97, **odd), "fp8", CPU, fast.step_swaps)


def test_a_micro_batch_that_does_not_fit_the_matrix_units_is_an_error():
    step, ids = (
        make_step(build("gpt"), "fp8", CPU, fast.step_swaps),
        torch.zeros(1, 9, dtype=torch.long),
    )
    with pytest.raises(ValueError, match="multiple of 256 tokens, not 9: change batch_size"):
        step(ids, ids, None, 1.0)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1024, 256, 131_072), 16),  # v5's MLP: 8 tiles, 128 programs of 132
        ((2048, 512, 65_536), 4),  # v6's MLP: 32 tiles
        ((4096, 256, 131_072), 1),  # v5's head: 4 parts would be twice too long
        ((3072, 768, 32_768), 1),  # GPT-2's MLP: 72 tiles
        ((384, 96, 4096), 1),  # narrower than a tile
    ],
)
def test_long_sums_of_few_tiles_are_made_in_parts(sizes, expected):
    assert split_count(*sizes) == expected


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 2**11))
def test_parts_run_at_a_time_and_leave_nothing_out(high, wide, terms):
    count = split_count(128 * high, 256 * wide, 128 * terms)
    if count > 1:
        assert count * high * wide <= 132
        assert terms % count == 0
        assert 128 * terms // count <= 2**14
