"""Our formulas against the real modules of Transformers, built on the meta device."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import StaticCache

from brnb.architectures.architecture import COMPONENTS
from brnb.architectures.config import read_config
from brnb.architectures.known import configuration, keys, known_architecture
from brnb.bases.census import build_on_meta, count_components


@pytest.mark.parametrize("key", keys())
def test_every_component_has_the_parameters_of_the_real_module(key):
    model = build_on_meta(configuration(key))
    counted = count_components(model)
    ours = known_architecture(key).components()
    assert {name: ours[name] - counted.get(name, 0) for name in COMPONENTS} == dict.fromkeys(
        COMPONENTS, 0
    )
    assert known_architecture(key).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    "key", ["llama32_1b", "qwen3_06b", "gemma3_1b", "smollm3_3b", "deepseek_v2_lite"]
)
def test_operations_are_those_that_pytorch_counts(key):
    """Of a whole text: eager attention computes every pair, n tokens that see n each."""
    n = 48
    config = configuration(key)
    if key == "deepseek_v2_lite":  # routing needs real numbers, so that no layer has experts
        config |= {"first_k_dense_replace": 27, "q_lora_rank": 256}
    model = build_on_meta(config)
    model.set_attn_implementation("eager")
    ids = torch.zeros(1, n, dtype=torch.long, device="meta")
    mask = torch.zeros(1, 1, n, n, device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids, attention_mask=mask, use_cache=False)
    assert counter.get_total_flops() == n * read_config(config).flops(n)


@pytest.mark.parametrize("key", ["llama31_8b", "gemma3_27b", "gpt_oss_20b", "olmo3_7b", "phi4"])
def test_the_cache_is_as_large_as_transformers_allocates(key):
    n = 5000  # longer than every window
    config = build_on_meta(configuration(key)).config
    cache = StaticCache(config=config, max_cache_len=n)
    heads = config.num_key_value_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    cache.early_initialization(1, heads, size, torch.bfloat16, torch.device("meta"))
    numbers = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert known_architecture(key).cache_numbers(n) == numbers


def test_a_model_type_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"model_type 'lama' is not in transformers \d"):
        build_on_meta({"model_type": "lama"})
