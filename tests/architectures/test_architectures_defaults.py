"""Configurations of the package beside the defaults of Transformers, where these are a model's."""

import pytest
from transformers import AutoConfig

from brnb.architectures.known import configuration

# Fields in which the published config.json is not the class's default, by what they are here.
APART = {
    "deepseek_v3": {"max_position_embeddings": 163840},
    "deepseek_v32": {},
    "gpt_oss_20b": {"num_hidden_layers": 24, "num_local_experts": 32},
    "gpt_oss_120b": {},
    "minimax_m2": {},
    "glm5": {},
    "qwen3_30b_a3b": {
        "num_hidden_layers": 48, "head_dim": 128, "norm_topk_prob": True,
        "max_position_embeddings": 40960, "rope_theta": 1e6,
    },
    "qwen35_35b_a3b": {"max_position_embeddings": 262144},
    "mistral_small_4": {},
    "smollm3_3b": {"max_position_embeddings": 65536, "rope_theta": 5e6},
}  # fmt: skip


def default(config, name):
    """A field of a configuration; the base of RoPE lies among its parameters."""
    if name == "rope_theta":
        return config.rope_parameters["rope_theta"]
    return getattr(config, name)


@pytest.mark.parametrize("key", APART)
def test_fields_are_those_of_transformers_but_for_what_was_published_otherwise(key):
    ours = configuration(key)
    theirs = AutoConfig.for_model(ours.pop("model_type"))
    fields = {name: value for name, value in ours.items() if name not in APART[key]}
    assert fields == {name: default(theirs, name) for name in fields}
    assert {name: ours[name] for name in APART[key]} == APART[key]
