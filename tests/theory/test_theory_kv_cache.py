"""Caches against PyTorch's attention, real tensors and published configurations."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from brnb.theory.kv_cache import (
    append,
    attend_cached,
    cache_bytes,
    sequences_that_fit,
    shape_cache_bytes,
)
from brnb.theory.shape import from_config

LLAMA2_7B = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
}
LLAMA31_8B = LLAMA2_7B | {
    "vocab_size": 128256,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
}


def test_steps_with_a_cache_are_causal_attention():
    query, keys, values = np.random.default_rng(0).normal(size=(3, 6, 4))
    whole = F.scaled_dot_product_attention(
        *(torch.tensor(m)[None] for m in (query, keys, values)), is_causal=True
    )[0].numpy()
    cache = (np.empty((0, 4)), np.empty((0, 4)))
    for t in range(6):
        cache = append(cache, keys[t], values[t])
        assert attend_cached(query[t], *cache) == pytest.approx(whole[t])


def test_a_models_own_cache():
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
             "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    model = LlamaForCausalLM(LlamaConfig(**sizes)).eval()
    with torch.no_grad():
        cache = model(torch.randint(64, (2, 10)), use_cache=True).past_key_values
    stored = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    shape = from_config({"model_type": "llama", **sizes})
    assert shape_cache_bytes(shape, 10, "fp32", sequences=2) == stored


def test_published_caches():
    assert cache_bytes(32, 4096, 4096, "fp16") == 2_147_483_648  # Eq. B.126: 2.15 GB
    assert shape_cache_bytes(from_config(LLAMA2_7B), 4096, "fp16") == 2 * 2**30
    # Kwon et al. (2023), section 3: 800 KB a token of OPT-13B (40 layers, d = 5120)
    assert cache_bytes(40, 5120, 1, "fp16") == 800 * 1024
    assert shape_cache_bytes(from_config(LLAMA31_8B), 1, "bf16") == 128 * 1024
    # GPT-3: 96 layers of 12288, 4.7 MB a token
    assert cache_bytes(96, 12288, 1, "fp16") == pytest.approx(4.7e6, rel=0.01)


def test_sequences_in_24_gb():
    shape = from_config(LLAMA2_7B)
    assert sequences_that_fit(shape, 4096, "fp16", 24e9 - 13.5e9) == 4
    assert sequences_that_fit(shape, 4096, "int8", 24e9 - 13.5e9) == 9


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"tokens = -1: .*\(tokens\)"):
        cache_bytes(1, 1, -1, "fp16")
    with pytest.raises(ValueError, match="dtype = 'fp12'"):
        cache_bytes(1, 1, 1, "fp12")
