"""Rows from configurations, against the configurations and the code that Transformers ships."""

import json
import re

import pytest

from brnb.rarity import Traits, read_models, row_from_config
from brnb.rarity.configs import TRAITS

# Configuration classes whose defaults are one published model, and the row of that model.
DEFAULTS = {
    "cohere": "Command R 35B",
    "deepseek_v3": "DeepSeek-V3 671B",
    "ernie4_5_moe": "ERNIE 4.5 21B-A3B",
    "gemma": "Gemma 7B",
    "gemma2": "Gemma 2 2B",
    "glm_moe_dsa": "GLM-5 744B",
    "gpt_oss": "GPT-OSS 120B",
    "internlm3": "InternLM3 8B",
    "jamba": "Jamba 52B",
    "llama": "Llama 2 7B",
    "llama4_text": "Llama 4 Scout 109B",
    "minimax_m2": "MiniMax-M2 230B",
    "ministral3": "Ministral 3 8B",
    "mistral": "Mistral 7B v0.1",
    "mistral4": "Mistral Small 4 119B",
    "mixtral": "Mixtral 8x7B",
    "olmo": "OLMo 7B",
    "olmoe": "OLMoE 1B-7B",
    "persimmon": "Persimmon 8B",
    "phi3": "Phi-3-mini 3.8B",
    "phimoe": "Phi-3.5-MoE 42B",
    "qwen3_5_text": "Qwen3.5 9B",
    "qwen3_next": "Qwen3-Next 80B-A3B",
    "smollm3": "SmolLM3 3B",
    "stablelm": "StableLM 3B",
}
# The default context of a class is often a placeholder; these are the model's own.
SAME_CONTEXT = {
    "ernie4_5_moe", "gemma", "gemma2", "glm_moe_dsa", "gpt_oss", "internlm3", "jamba",
    "minimax_m2", "ministral3", "olmo", "olmoe", "persimmon", "phimoe", "stablelm",
}  # fmt: skip
# Default sizes that are the model's own to the last weight.
SAME_SIZE = (
    "ernie4_5_moe", "gemma2", "gpt_oss", "internlm3", "jamba", "ministral3", "mixtral", "olmo",
    "persimmon", "qwen3_next", "stablelm",
)  # fmt: skip


# Classes whose defaults alone make no model.
INCOMPLETE = {
    "dbrx": {"attn_config": {"kv_n_heads": 8, "rope_theta": 500_000.0}},
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "hunyuan_v1_dense": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
}


@pytest.fixture(scope="module")
def rows():
    return read_models().set_index("name")


def defaults(model_type):
    from transformers import AutoConfig

    return AutoConfig.for_model(model_type, **INCOMPLETE.get(model_type, {}))


def skeleton(model_type):
    """The model of the default configuration, without memory for its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(defaults(model_type))


@pytest.mark.parametrize(("model_type", "name"), DEFAULTS.items())
def test_the_row_is_what_the_default_configuration_says(rows, model_type, name):
    derived = row_from_config(defaults(model_type).to_dict())
    columns = ["attention", "mixer", "experts", "experts_active", "activation", "norm", "qk_norm"]
    columns += ["position"] + (["context", "window"] if model_type in SAME_CONTEXT else [])
    own = rows.loc[name, columns]
    assert {c: derived[c] for c in columns} == own.astype(object).where(own.notna(), None).to_dict()


@pytest.mark.parametrize("model_type", SAME_SIZE)
def test_parameters_are_those_of_the_default_model(rows, model_type):
    model = skeleton(model_type)
    weights = sum(p.numel() for p in model.parameters())
    routed = sum(p.numel() for n, p in model.named_parameters() if ".experts." in n)
    row = rows.loc[DEFAULTS[model_type]]
    assert weights == row["parameters"]
    if routed:
        visited = routed * row["experts_active"] // row["experts"]
        assert weights - routed + visited == row["parameters_active"]


def of_language_models():
    multimodal = {"mistral4"}  # has no causal language model class of its own
    return sorted(set(TRAITS) - multimodal)


@pytest.mark.parametrize("model_type", of_language_models())
def test_traits_are_those_of_the_modules(model_type):
    config = defaults(model_type)
    model = skeleton(model_type)
    traits = TRAITS[model_type]
    names = [name for name, _ in model.named_modules()] + [n for n, _ in model.named_parameters()]
    on_qk = re.compile(r"(\.|_)(q|k|qk|query|key)_?(layer)?norm$")
    kinds = {
        "RMSNorm" if "RMSNorm" in type(m).__name__ or "T5LayerNorm" in type(m).__name__
        else "LayerNorm"
        for n, m in model.named_modules()
        if "norm" in type(m).__name__.lower() and not re.search(r"self_attn|attention|mixer", n)
    }  # fmt: skip
    assert traits.norm in kinds
    gates = re.compile(r"gate_proj|gate_up_proj|\.(w3|v1)$|\.(w3|v1)\.|input_linear")
    assert any(gates.search(n) for n in names) == traits.gated
    found = any(on_qk.search(n) and "indexer" not in n for n in names)
    declared = traits.qk_norm
    expected = bool(getattr(config, declared)) if isinstance(declared, str) else declared
    assert found == expected


def llama(**changes):
    config = {
        "model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8,
        "max_position_embeddings": 8192, "vocab_size": 128256, "hidden_act": "silu",
    }  # fmt: skip
    return {key: value for key, value in (config | changes).items() if value is not None}


@pytest.mark.parametrize(("kv", "kind"), [(None, "MHA"), (32, "MHA"), (8, "GQA"), (1, "MQA")])
def test_attention_follows_the_key_value_heads(kv, kind):
    # Ainslie et al. 2023 (arXiv:2305.13245): one per head, per group, for all.
    assert row_from_config(llama(num_key_value_heads=kv))["attention"] == kind


def test_a_window_that_sees_everything_is_none():
    assert row_from_config(llama(sliding_window=4096))["window"] == 4096
    assert row_from_config(llama(sliding_window=8192))["window"] is None
    assert row_from_config(llama(sliding_window=4096, use_sliding_window=False))["window"] is None


def test_the_language_model_of_a_multimodal_file(tmp_path):
    file = tmp_path / "config.json"
    outer = {"model_type": "mistral3", "text_config": llama(), "vision_config": {}}
    file.write_text(json.dumps(outer), encoding="utf-8")
    row = row_from_config(file, name="Ours 8B", licence="MIT")
    assert row["attention"] == "GQA"
    assert (row["name"], row["licence"]) == ("Ours 8B", "MIT")


def test_an_unknown_model_type_names_the_file_the_nearest_and_the_fix(tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(llama(model_type="lama")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"config\.json: .*'lama'.*did you mean llama.*traits="):
        row_from_config(file)
    own = row_from_config(file, Traits(norm="LayerNorm"))
    assert own["norm"] == "LayerNorm"


@pytest.mark.parametrize(("lost", "said"), [
    ("max_position_embeddings", "max_position_embeddings"),
    ("vocab_size", "vocab_size"),
    ("num_attention_heads", "num_attention_heads"),
])  # fmt: skip
def test_a_missing_key_is_named(lost, said):
    with pytest.raises(ValueError, match=said):
        row_from_config(llama(**{lost: None}))


@pytest.mark.parametrize("text", ["{bad", "[]", "\xe7"])
def test_a_file_that_is_no_configuration_is_named(tmp_path, text):
    file = tmp_path / "config.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=r"config\.json: not a config\.json: "):
        row_from_config(file)


def test_an_activation_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"'tanh' has no name here; known: .*gelu"):
        row_from_config(llama(hidden_act="tanh"))
