"""Parameter counts against published ones and against Transformers' own models."""

import json

import pytest

from brnb.theory.shape import Shape, from_config

LLAMA = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
}
GPT2 = {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12,
        "n_positions": 1024}  # fmt: skip
# Sizes of the config.json files on the hub; counts of the safetensors headers there.
PUBLISHED = [
    ("Llama 3.1 8B", LLAMA, 8_030_261_248),
    ("Llama 3.1 70B", LLAMA | {"hidden_size": 8192, "intermediate_size": 28672,
     "num_hidden_layers": 80, "num_attention_heads": 64}, 70_553_706_496),
    ("Llama 3.2 1B", LLAMA | {"hidden_size": 2048, "intermediate_size": 8192, "head_dim": 64,
     "num_hidden_layers": 16, "tie_word_embeddings": True}, 1_235_814_400),
    ("Llama 2 7B", LLAMA | {"vocab_size": 32000, "intermediate_size": 11008,
     "num_key_value_heads": 32}, 6_738_415_616),
    ("Mistral 7B v0.1", LLAMA | {"model_type": "mistral", "vocab_size": 32000}, 7_241_732_096),
    ("GPT-2", GPT2, 124_439_808),
    ("GPT-2 XL", GPT2 | {"n_embd": 1600, "n_layer": 48, "n_head": 25}, 1_557_611_200),
    ("Qwen2.5 7B", LLAMA | {"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584,
     "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
     "num_key_value_heads": 4}, 7_615_616_512),
    ("Qwen3 8B", LLAMA | {"model_type": "qwen3", "vocab_size": 151936, "head_dim": 128,
     "intermediate_size": 12288, "num_hidden_layers": 36}, 8_190_735_360),
    ("Gemma 7B", {"model_type": "gemma", "vocab_size": 256000, "hidden_size": 3072,
     "intermediate_size": 24576, "num_hidden_layers": 28, "num_attention_heads": 16,
     "num_key_value_heads": 16, "head_dim": 256}, 8_537_680_896),
]  # fmt: skip
MIXTRAL = LLAMA | {"model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8,
                   "num_experts_per_tok": 2}  # fmt: skip
QWEN3_MOE = LLAMA | {
    "model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 2048, "head_dim": 128,
    "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48,
    "num_key_value_heads": 4, "num_experts": 128, "num_experts_per_tok": 8,
}  # fmt: skip


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row[0])
def test_published_counts(row):
    _, config, count = row
    shape = from_config(config)
    assert shape.parameters == shape.active_parameters == count


@pytest.mark.parametrize(("config", "total", "active"), [
    (MIXTRAL, 46_702_792_704, 12_879_925_248),
    (QWEN3_MOE, 30_532_122_624, 3_353_032_704),
], ids=["Mixtral 8x7B", "Qwen3 30B-A3B"])  # fmt: skip
def test_experts_total_and_active(config, total, active):
    shape = from_config(config)
    assert (shape.parameters, shape.active_parameters) == (total, active)


SMALL = {"vocab_size": 96, "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}  # fmt: skip


@pytest.mark.parametrize("extra", [
    {"model_type": "llama", "tie_word_embeddings": True},
    {"model_type": "phi3", "tie_word_embeddings": False, "pad_token_id": 0},
    {"model_type": "smollm3", "tie_word_embeddings": True, "pad_token_id": 0},
    {"model_type": "mixtral", "tie_word_embeddings": False, "num_local_experts": 4,
     "num_experts_per_tok": 2},
    {"model_type": "qwen3_moe", "tie_word_embeddings": False, "num_experts": 4,
     "num_experts_per_tok": 2, "moe_intermediate_size": 48, "mlp_only_layers": [1]},
], ids=lambda extra: extra["model_type"])  # fmt: skip
def test_transformers_counts_the_same(extra):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = SMALL | extra
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    assert from_config(config).parameters == sum(p.numel() for p in model.parameters())


def test_matmul_parameters_leave_out_what_is_looked_up():
    shape = from_config(LLAMA)
    norms = 65 * 4096
    assert shape.matmul_parameters == 8_030_261_248 - 128256 * 4096 - norms
    assert shape.linear_parameters == 32 * 218_103_808


def test_a_file_is_read_and_named_in_errors(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA), "utf-8")
    assert from_config(path).parameters == 8_030_261_248
    path.write_text(json.dumps({**LLAMA, "model_type": "mamba"}), "utf-8")
    with pytest.raises(ValueError, match=r"config\.json: model_type 'mamba' is unknown; known: "):
        from_config(path)
    path.write_text(json.dumps({k: v for k, v in LLAMA.items() if k != "hidden_size"}), "utf-8")
    with pytest.raises(ValueError, match=r"config\.json: none of hidden_size, n_embd is there"):
        from_config(path)


@pytest.mark.parametrize("wrong", [
    {"layers": 0}, {"kv_heads": 3}, {"experts": 4}, {"experts": 2, "experts_active": 3},
    {"dense_layers": 9},
])  # fmt: skip
def test_impossible_shapes_are_refused(wrong):
    sizes = {"vocab": 9, "width": 8, "layers": 1, "heads": 4, "kv_heads": 4, "head_dim": 2,
             "hidden": 8}  # fmt: skip
    with pytest.raises(ValueError, match="|".join(wrong)):
        Shape(**{**sizes, **wrong})
