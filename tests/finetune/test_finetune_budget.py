"""What fits into the memory, for the shape of Llama 3.1 8B."""

from dataclasses import replace
from types import SimpleNamespace

import hypothesis
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig

from brnb.bases.reading import OutOfBudget
from brnb.finetune import budget
from brnb.finetune.budget import (
    DEQUANTISE,
    LAUNCH,
    MemoryPlan,
    limit_memory,
    plan_memory,
    processes_for,
    shape_of,
)
from brnb.theory.lora import LLAMA_MAPS
from brnb.theory.memory import GIB, MicroBatch, memory
from brnb.theory.shape import Shape

SIZES_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "tie_word_embeddings": False,
}  # fmt: skip
LLAMA_8B = Shape(
    vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336
)
LLAMA_70B = replace(LLAMA_8B, width=8192, layers=80, heads=64, hidden=28672)


def settings(**changed):
    values = {"seq_len": 2048, "packs_per_step": 8, "rank": 16, "quantization": "nf4"}
    return SimpleNamespace(**(values | {"target_modules": list(LLAMA_MAPS)} | changed))


def test_24_gib_hold_4096_tokens_of_8b_without_recomputing():
    found = plan_memory(LLAMA_8B, settings(), 24 * GIB, replayed=True)
    assert (found.tokens, found.recomputed) == (4096, 0)
    assert found.dequantised > 0
    assert found.predicted <= 24 * GIB


@pytest.mark.parametrize(
    ("batch", "dequantised", "gib"), [(1, 0, 12.67), (2, 0, 18.52), (3, 0, 24.60), (1, 32, 22.32)]
)
def test_the_prediction_is_near_what_one_h200_measured(batch, dequantised, gib):
    step = MicroBatch(
        method="qlora", batch=batch, seq_len=2048, kernels="replayed", head="frozen",
        cast_inputs=False, accumulated=True, dequantised=dequantised,
    )  # fmt: skip
    assert memory(LLAMA_8B, step).total / GIB == pytest.approx(gib, rel=0.03)


def test_less_memory_recomputes_layers():
    found = plan_memory(LLAMA_8B, settings(), 10 * GIB, replayed=True)
    assert 0 < found.recomputed < 32
    assert found.dequantised == 0


def test_plenty_of_memory_dequantises_all():
    assert plan_memory(LLAMA_8B, settings(), 80 * GIB, replayed=True).dequantised == 32
    assert plan_memory(LLAMA_8B, settings(quantization="none"), 80 * GIB, True).dequantised == 0


def test_transformers_own_layers_need_more():
    ours = plan_memory(LLAMA_8B, settings(), 16 * GIB, replayed=True)
    theirs = plan_memory(LLAMA_8B, settings(), 16 * GIB, replayed=False)
    assert theirs.recomputed > ours.recomputed


def test_too_little_memory_says_how_much_is_needed():
    with pytest.raises(OutOfBudget, match=r"one pack of 2048 tokens needs \d+\.\d GiB"):
        plan_memory(LLAMA_8B, settings(), 4 * GIB, replayed=True)


def test_a_base_that_no_gpu_holds_is_spread(monkeypatch):
    config, device = LlamaConfig(**SIZES_8B), torch.device("cuda")
    for gib, expected in ((24, 1), (6, 2)):
        monkeypatch.setattr(budget, "_limit", lambda *_, gib=gib: gib * GIB)
        assert processes_for(config, settings(memory_limit_gib=gib), device, 2) == expected
        assert processes_for(config, settings(memory_limit_gib=gib), device, 1) == 1
    with pytest.raises(OutOfBudget, match="spread the base over more GPUs: BRNB_PROCESSES=2"):
        plan_memory(LLAMA_8B, settings(), 6 * GIB, replayed=True)
    found = plan_memory(LLAMA_8B, settings(), 6 * GIB, replayed=True, processes=2)
    assert found.resources()["plan_processes"] == 2
    assert found.predicted <= 6 * GIB


@pytest.mark.parametrize(
    ("shape", "batch", "recomputed", "gib"), [(LLAMA_8B, 3, 0, 22.84), (LLAMA_70B, 1, 75, 29.67)]
)
def test_the_prediction_is_near_what_two_h200_measured(shape, batch, recomputed, gib):
    step = MicroBatch(
        method="qlora", batch=batch, seq_len=2048, kernels="replayed", head="frozen",
        cast_inputs=False, accumulated=True, recomputed=recomputed, processes=2,
    )  # fmt: skip
    assert memory(shape, step).total / GIB == pytest.approx(gib, rel=0.03)


@pytest.mark.parametrize(("method", "byte"), [("lora", 2), ("qlora", 0.5 + (1 + 4 / 256) / 64)])
def test_of_a_spread_base_a_part_and_two_layers_stay(method, byte):
    step = MicroBatch(method=method, batch=1, seq_len=2048, kernels="replayed", head="frozen")
    saved = memory(LLAMA_8B, step).weights - memory(LLAMA_8B, replace(step, processes=4)).weights
    maps = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336)
    assert saved == pytest.approx(byte * maps * (1 - 1 / 4 - 2 / 32), rel=1e-6)


@hypothesis.settings(deadline=None)  # a busy machine is no failure
@given(st.integers(8, 100), st.integers(1, 6))
def test_more_memory_is_never_slower(gib, packs):
    def cost(found):
        again = 0.5 * found.recomputed / 32
        return 1 + again + (LAUNCH + DEQUANTISE * (1 - found.dequantised / 32)) / found.tokens

    less, more = (
        plan_memory(LLAMA_8B, settings(packs_per_step=packs), g * GIB, True) for g in (gib, gib + 4)
    )
    assert cost(more) <= cost(less)
    assert less.predicted <= gib * GIB


def test_halved_until_one_pack():
    found = MemoryPlan(tokens=4096 + 2048)
    assert found.smaller(2048).tokens == 2048
    with pytest.raises(OutOfBudget):
        found.smaller(2048).smaller(2048)


def test_a_cpu_has_no_limit():
    assert limit_memory(24, tiny.CPU) is None


def test_the_shape_is_read_from_the_model():
    shape = shape_of(tiny.CONFIG)
    assert (shape.width, shape.layers, shape.kv_heads) == (64, 2, 2)
