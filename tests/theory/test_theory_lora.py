"""LoRA and QLoRA against the dissertation, PEFT and bitsandbytes."""

import numpy as np
import pytest

from brnb.theory.feasibility import full_training, lora_training, qlora_training, quantisation_ratio
from brnb.theory.lora import (
    adapter_parameters,
    compression_ratio,
    effective_rank,
    lora_parameters,
    merged_map,
    nf4_bits,
    nf4_bytes,
    printed_rank_bound,
    rank_bound,
    reduction,
)
from brnb.theory.shape import Shape

LLAMA = Shape(vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336)


def test_examples_of_section_3_4_and_c_82():
    assert adapter_parameters(4096, 4096, 8) == 65_536
    assert compression_ratio(4096, 4096, 8) == 256
    assert compression_ratio(4096, 4096, 64) == 32
    assert reduction(8e9, 16e6) == 500


def test_seven_maps_of_the_8b_shape_at_rank_16():
    assert lora_parameters(LLAMA, 16) == 41_943_040  # as PEFT reports it


def test_the_16_million_of_equation_4_8_are_one_map():
    assert lora_parameters(LLAMA, 64, ("query",)) == 16_777_216
    assert lora_parameters(LLAMA, 64) == 167_772_160


def test_peft_counts_the_same():
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = Shape(vocab=32, width=64, layers=2, heads=4, kv_heads=2, head_dim=16, hidden=96)
    config = LlamaConfig(vocab_size=32, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    model = get_peft_model(
        LlamaForCausalLM(config), LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"])
    )
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert lora_parameters(shape, 4, ("query", "value", "down")) == trained


def test_bits_of_nf4():
    assert nf4_bits(double=False) == 4.5
    assert nf4_bits() == pytest.approx(4.127, abs=0.0005)  # Dettmers et al.: 0.127 for the scales


@pytest.mark.parametrize("weights", [64, 4096 * 64, 4096 * 1024, 1000 * 48])
def test_bytes_are_those_that_bitsandbytes_stores(weights):
    import torch
    from bitsandbytes.functional import quantize_4bit

    tensor = torch.randn(weights, generator=torch.Generator().manual_seed(0))
    packed, state = quantize_4bit(tensor, quant_type="nf4", compress_statistics=True, blocksize=64)
    stored = sum(t.nbytes for t in (packed, state.absmax, state.state2.absmax))
    assert nf4_bytes(weights) == stored


def test_memory_estimates_of_chapter_4():
    full = full_training(7e9)
    assert (full.weights, full.gradients, full.optimizer, full.total) == (28, 28, 56, 112)
    assert full.deficit(24) == 88
    lora = lora_training(8e9, 16e6)
    assert (lora.weights, lora.adapters, lora.gradients, lora.optimizer) == (
        16, 0.064, 0.064, 0.128)  # fmt: skip
    assert lora.total == pytest.approx(16.256)  # printed 16.3


def test_the_70b_example_leaves_out_adam_and_the_scales():
    q = qlora_training(70e9, 50e6, overhead=8)
    printed = 43.4
    scales = 70 * 0.126953125 / 8
    assert (q.adapters, q.gradients) == pytest.approx((0.2, 0.2))
    assert q.total - printed == pytest.approx(0.4 + scales, abs=1e-9)
    assert quantisation_ratio(4) == 4


def test_rank_bound_grows_with_what_is_kept():
    assert rank_bound(100, 0.9) == pytest.approx(90)
    with pytest.raises(ValueError, match="fraction = 0"):
        rank_bound(100, 0)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="rank = 0"):
        adapter_parameters(8, 8, 0)
    with pytest.raises(ValueError, match=r"maps q_proj are unknown; known: query"):
        lora_parameters(LLAMA, 8, ("q_proj",))


def test_merging_changes_a_map_by_rank_r():
    draw = np.random.default_rng(0)
    W, B, A = (draw.normal(size=size) for size in ((12, 9), (12, 3), (3, 9)))
    assert np.linalg.matrix_rank(merged_map(W, B, A) - W) == 3


def test_rank_that_holds_a_share_of_a_map():
    draw = np.random.default_rng(1)
    left, right = (np.linalg.qr(draw.normal(size=(8, 8)))[0] for _ in range(2))
    even = left[:, :4] @ right[:4]  # four singular values of 1: 0.5 needs two of them
    assert effective_rank(even, 0.5) == rank_bound(4, 0.5) == 2
    assert printed_rank_bound(4, 0.5) == 8  # C.83: twice what the map has
    steep = left @ np.diag(2.0 ** -np.arange(8)) @ right
    assert effective_rank(steep, 0.74) == 1  # 1 / (1 + 1/4 + ...) = 0.75
    with pytest.raises(ValueError, match="fraction = 0"):
        printed_rank_bound(4, 0)
