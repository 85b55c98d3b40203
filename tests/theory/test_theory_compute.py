"""Compute against hand calculation, published rates and the dissertation."""

import pytest

from brnb.theory.compute import (
    DAY,
    YEAR,
    flops_per_token,
    forward_flops,
    forward_flops_of_large,
    gpu_seconds,
    layer_training_flops,
    mfu,
    printed_forward_flops,
    printed_forward_flops_of_large,
    printed_layer_training_flops,
    training_flops,
    training_hours,
)
from brnb.theory.lora import lora_parameters
from brnb.theory.shape import Shape

LLAMA = Shape(vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336)
GPT2 = Shape(vocab=50304, width=768, layers=12, heads=12, kv_heads=12, head_dim=64, hidden=3072,
             gated=False, tied=True, positions=1024)  # fmt: skip


@pytest.mark.parametrize(("n", "d", "flops"), [
    (175e9, 300e9, 3.15e23), (1e12, 20e12, 1.2e26), (70e9, 1.4e12, 5.88e23),
], ids=["C.34", "C.66", "C.72"])  # fmt: skip
def test_6nd(n, d, flops):
    assert training_flops(n, d) == pytest.approx(flops)


def test_a_gpt_block_is_24_d_squared_and_training_6n():
    parts = forward_flops(layers=1, width=1000, hidden=4000, seq_len=0, vocab=0)
    assert parts == {"attention": 8e6, "feedforward": 16e6, "head": 0}
    assert 3 * sum(parts.values()) == 6 * 12 * 1000**2  # 6N for N = 12 L d^2


def test_full_training_is_6n_and_attention():
    attention = 12 * 32 * 4096 * 2048  # PaLM, appendix B: 12 L d n
    assert flops_per_token(LLAMA, 2048, causal=False) == 6 * 7_504_658_432 + attention
    assert flops_per_token(LLAMA, 2048) == 6 * 7_504_658_432 + attention / 2


def test_frozen_maps_save_a_third():
    adapters = lora_parameters(LLAMA, 16)
    attention = 6 * 32 * 4096 * 2048
    found = flops_per_token(LLAMA, 2048, "lora", adapters=adapters)
    assert found == 4 * 7_504_658_432 + attention + 6 * 41_943_040


def test_recomputation_repeats_the_layers_and_not_the_head():
    once, twice = (flops_per_token(LLAMA, 2048, recomputed=share) for share in (0.0, 1.0))
    layers = 2 * 32 * 218_103_808 + 2 * 32 * 4096 * 2048
    assert twice - once == layers
    with pytest.raises(ValueError, match="recomputed"):
        flops_per_token(LLAMA, 2048, recomputed=2)


def test_published_utilisation_of_bf16_lora():
    # NVIDIA NeMo AutoModel, performance summary of 2025-10-02: Llama-3.1-8B, LoRA, 4096 tokens,
    # one H100: 12,473 tokens/s, 402 TFLOP/s per GPU.
    flops = flops_per_token(LLAMA, 4096, "lora", adapters=lora_parameters(LLAMA, 16))
    assert 12_473 * flops / 1e12 == pytest.approx(402, rel=0.05)


def test_measured_utilisation_of_gpt2():
    # 522,432 tokens/s on one H200, 45% of 989 TFLOP/s by the PaLM convention.
    flops = flops_per_token(GPT2, 1024, causal=False)
    assert mfu(522_432, flops, 989) == pytest.approx(0.45, abs=0.005)


def test_gpu_time_of_gpt3():
    seconds = gpu_seconds(3.15e23, 312, 0.4)
    assert seconds / DAY == pytest.approx(29_213, abs=1)
    assert seconds / YEAR == pytest.approx(80.04, abs=0.01)  # C.35 prints 292


def test_hours_on_a_gpu_of_the_list():
    # 1e9 tokens of 6e9 FLOP on four RTX 4090 (165.2 TFLOP/s) at half of the peak
    hours = training_hours(1e9, 6e9, "rtx4090", 0.5, count=4)
    assert hours == pytest.approx(6e18 / (165.2e12 * 0.5 * 4) / 3600)


def test_bad_input_is_refused():
    with pytest.raises(KeyError, match="it has: rtx3080"):
        training_hours(1, 1, "voodoo2", 0.5)
    with pytest.raises(ValueError, match="utilization = 40"):
        training_hours(1, 1, "rtx4090", 40)
    with pytest.raises(ValueError, match="count"):
        training_hours(1, 1, "rtx4090", 0.4, count=0)


def test_the_printed_forward_pass_is_one_and_a_half_times_too_much():
    printed = printed_forward_flops(layers=2, width=100, hidden=400, seq_len=0, vocab=0)
    assert printed == {"attention": 4 * 2 * 1e4, "feedforward": 8 * 2 * 4e4, "head": 0}
    assert printed_forward_flops_of_large(2, 100) == 36 * 2 * 1e4  # C.31
    assert forward_flops_of_large(2, 100) == 24 * 2 * 1e4
    # C.29 with n = 10 is 36 L d^2 + 2 L n^2 d, and C.30, made of it, 36 L d^2 + 2 L d n
    sequence = printed_forward_flops(2, 100, 400, 10, 0)
    assert sum(sequence.values()) - 36 * 2 * 1e4 == 2 * 2 * 100 * 100
    assert printed_forward_flops_of_large(2, 100, 10) - 36 * 2 * 1e4 == 2 * 2 * 100 * 10


def test_the_printed_training_is_not_the_6nd_made_of_it():
    parameters = 12 * 3 * 64**2
    assert layer_training_flops(3, 64, 1e6) == training_flops(parameters, 1e6)
    ratio = printed_layer_training_flops(3, 64, 1e6) / training_flops(parameters, 1e6)
    assert ratio == pytest.approx(1.8)
