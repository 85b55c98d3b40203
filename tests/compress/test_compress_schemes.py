"""Schemes applied to our models: against bitsandbytes' own functions and PyTorch's types."""

import bitsandbytes.functional as bnb
import pytest
import torch
import torch.nn.functional as F
from model_forms import FORMS, build, forms, ids_for

from brnb.compress.calibration import block_maps, collect_inputs, output_errors
from brnb.compress.schemes import SCHEMES, quantise_model
from brnb.compress.sizes import held_bytes, map_bits, write_weights

WIDER = {"width": 64, "hidden": 128, "context": 64, "kv_heads": 4}


def model(form="v6"):
    return build(**(FORMS[form] | WIDER))


@pytest.mark.parametrize("scheme", SCHEMES)
@forms
def test_every_scheme_leaves_a_model_that_answers_and_the_original_as_it_was(form, scheme):
    original = model(form)
    before = {name: tensor.clone() for name, tensor in original.state_dict().items()}
    ids = ids_for(original)
    smaller = quantise_model(original, scheme, 32, collect_inputs(original, ids))
    with torch.no_grad():
        logits, exact = (m(ids)[0].float().flatten() for m in (smaller, original))
    coarse = any(bits in scheme for bits in ("4", "gptq"))  # and weights of a random model matter
    assert F.cosine_similarity(logits, exact, dim=0) > (0.6 if coarse else 0.95)
    assert all(torch.equal(before[name], t) for name, t in original.state_dict().items())


@pytest.mark.parametrize(
    ("scheme", "kind", "double"), [("nf4", "nf4", 0), ("fp4_double", "fp4", 1)]
)
def test_four_bits_are_bitsandbytes_own(scheme, kind, double):
    original = model()
    smaller = quantise_model(original, scheme, 32)
    for name, module in block_maps(original).items():
        codes, state = bnb.quantize_4bit(
            module.weight.data, quant_type=kind, compress_statistics=bool(double)
        )
        x = torch.eye(module.in_features)
        exact = bnb.dequantize_4bit(codes, state)
        torch.testing.assert_close(smaller.get_submodule(name)(x).T, exact, atol=1e-6, rtol=1e-5)


def test_fp8_is_pytorchs_type_with_a_scale_a_row():
    original = model()
    smaller = quantise_model(original, "fp8", 32)
    name, module = next(iter(block_maps(original).items()))
    scale = module.weight.abs().amax(1, keepdim=True) / 448
    expected = (module.weight / scale).to(torch.float8_e4m3fn).float() * scale
    got = smaller.get_submodule(name)(torch.eye(module.in_features)).T
    torch.testing.assert_close(got, expected)


def test_bits_of_a_weight_count_the_scales():
    original = model()
    bits = {
        s: map_bits(quantise_model(original, s, 32), original) for s in ("fp32", "bf16", "int4")
    }
    assert bits["fp32"] == 32
    assert bits["bf16"] == 16
    assert bits["int4"] == 4 + (16 + 8) / 32
    assert map_bits(quantise_model(original, "int8_tensor", 32), original) < 8.01
    nf4 = map_bits(quantise_model(original, "nf4", 32), original)
    assert nf4 == pytest.approx(4 + 32 / 64)  # Dettmers et al. (2023): 0.5 bits for scales


def test_double_quantisation_takes_the_scales_to_an_eighth_of_a_bit():
    original = build(**(FORMS["v6"] | WIDER | {"width": 256, "hidden": 512}))
    bits = map_bits(quantise_model(original, "nf4_double", 32), original)
    assert bits == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=0.02)  # section 3 of QLoRA


def test_the_file_is_as_large_as_what_it_holds(tmp_path):
    original = model("v7")
    smaller = quantise_model(original, "int4", 32)
    maps = sum(m.weight.numel() for m in block_maps(original).values())
    rest = sum(p.numel() for p in original.parameters()) - maps
    size = write_weights(smaller, original, tmp_path / "weights.safetensors")
    assert size == pytest.approx(maps * 4.75 / 8 + 2 * rest, rel=0.15)  # and names
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]
    assert held_bytes(smaller) < held_bytes(original)


def test_calibrated_codes_err_less_where_they_were_calibrated():
    original, ids = model(), ids_for(model(), rows=16, tokens=40)
    inputs = collect_inputs(original, ids)
    error = {
        s: sum(output_errors(original, quantise_model(original, s, 32, inputs), inputs).values())
        for s in ("int4", "gptq", "int8_channel")
    }
    assert error["gptq"] < error["int4"]
    assert error["int8_channel"] < error["gptq"]


def test_inputs_are_those_that_the_maps_read():
    original = model()
    ids = ids_for(original, rows=1)
    inputs = collect_inputs(original, ids)
    x = original.blocks[0].attention_norm(original.embed(ids, 0))[0]
    torch.testing.assert_close(inputs["blocks.0.attention.query"].kept, x)
    torch.testing.assert_close(inputs["blocks.0.attention.query"].moments, x.T @ x)


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match=r"scheme = 'int5' is unknown; known: fp32, bf16"):
        quantise_model(model(), "int5", 32)
    with pytest.raises(ValueError, match="gptq needs calibration text"):
        quantise_model(model(), "gptq", 32)
    with pytest.raises(ValueError, match="group = 48 does not divide a row of 64"):
        quantise_model(model(), "int4", 48)
