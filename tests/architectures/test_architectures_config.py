"""Configurations that describe no architecture, each with the field and the fix in the message."""

import json

import pytest

from brnb.architectures.config import ConfigError, read_config
from brnb.architectures.known import (
    configuration,
    entry,
    keys,
    known_architecture,
    open_architecture,
)

LLAMA = configuration("llama31_8b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "lama"}, "model_type 'lama' is an unknown family; did you mean llama"),
        ({"model_type": "mamba9"}, "model_type 'mamba9' is an unknown family; known: .*qwen3"),
        ({"model_type": None}, "model_type is missing: add the family"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is more than 10000, .*: correct it"),
        ({"vocab_size": 10**400}, "vocab_size is more than .*: correct it"),
        ({"text_config": [1]}, "text_config: a JSON object is expected"),
        ({"layer_types": 5}, "layer_types: a list is expected"),
        ({"hidden_size": None}, "hidden_size is missing: add it to the file"),
        ({"num_hidden_layers": -3}, "num_hidden_layers = -3: it must be a whole number"),
        ({"vocab_size": 0}, "vocab_size = 0: it must be a whole number of at least 1"),
        ({"intermediate_size": 14336.5}, "intermediate_size = 14336.5: it must be a whole"),
        ({"num_attention_heads": True}, "num_attention_heads = True: it must be a whole"),
        ({"num_key_value_heads": 5}, "num_key_value_heads = 5 does not divide .*heads = 32"),
        (
            {"num_attention_heads": 24},
            "num_attention_heads = 24 does not divide hidden_size = 4096",
        ),
        ({"hidden_act": "swish"}, "hidden_act = 'swish' is unknown; known: silu"),
        ({"layer_types": ["full_attention"]}, "layer_types names 1 of num_hidden_layers = 32"),
        ({"layer_types": ["chunked_attention"] * 32}, "'chunked_attention' is unknown; known"),
        ({"layer_types": ["sliding_attention"] * 32}, "sliding_window is missing"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_fix(tmp_path, changes, message):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA | changes), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as error:
        read_config(file)
    assert str(error.value).startswith(str(file))


@pytest.mark.parametrize(
    ("key", "changes", "message"),
    [
        ("deepseek_v3", {"kv_lora_rank": None}, "kv_lora_rank is missing"),
        ("deepseek_v3", {"num_experts_per_tok": 300}, "num_experts_per_tok = 300 of only 256"),
        ("qwen35_27b", {"linear_num_key_heads": 7}, "linear_num_key_heads = 7 does not divide"),
        ("gpt_oss_20b", {"sliding_window": -1}, "sliding_window = -1"),
        ("smollm3_3b", {"no_rope_layers": [1, 0]}, "no_rope_layers: a list .* for each layer"),
        ("qwen3_30b_a3b", {"mlp_only_layers": 3}, "mlp_only_layers: a list is expected"),
        ("gemma4_31b", {"enable_moe_block": True}, "enable_moe_block = True is not counted"),
        ("gemma4_31b", {"num_global_key_value_heads": 5}, "num_key_value_heads = 5 does not"),
    ],
)
def test_parts_have_errors_of_their_own(key, changes, message):
    with pytest.raises(ConfigError, match=message):
        read_config(configuration(key) | changes)


@pytest.mark.parametrize("text", ["[1, 2]", "not json", "\xff"])
def test_a_file_that_is_no_object_is_refused(tmp_path, text):
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config\.json: not a config\.json"):
        read_config(file)


def test_the_language_model_of_a_multimodal_one_is_read():
    text = configuration("gemma3_27b")
    assert read_config({"model_type": "gemma3", "text_config": text}).parameters == (
        known_architecture("gemma3_27b").parameters
    )


def test_a_file_is_named_by_its_folder_and_a_key_is_found(tmp_path):
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    assert open_architecture(str(folder)).name == "ours"
    assert open_architecture("phi4").name == "Phi-4 14B"
    with pytest.raises(ValueError, match="no architecture of the package; did you mean phi4"):
        open_architecture("phi5")
    with pytest.raises(ValueError, match="no such file"):
        open_architecture(str(tmp_path / "config.json"))


def test_every_entry_says_where_it_is_from():
    for key in keys():
        assert set(entry(key)) == {"name", "released", "source", "printed", "config"}
        assert entry(key)["source"].count("/") == 1
        assert set(entry(key)["printed"]) <= {"total", "active", "from"}
