"""Small Transformers of every further choice: attention, norms, activations, positions."""

import pytest
from model_forms import LLAMA, SHAPE

BASE = SHAPE | LLAMA | {"kv_heads": 4, "layers": 2}
KINDS = {
    "mqa": {"kv_heads": 1},
    "gqa": {"kv_heads": 2},
    "window": {"window": 5},
    "narrowest": {"window": 1},
    "local_global": {"window": 3, "global_every": 2, "local_rope_theta": 50.0, "kv_heads": 2},
    "sinks": {"sinks": True, "window": 4, "kv_heads": 2},
    "mla": {"kv_rank": 10, "rope_dim": 4},
    "mla_queries": {"kv_rank": 10, "rope_dim": 8, "query_rank": 12, "bias": True},
    "qk_l2": {"qk_norm": "l2"},
    "qk_learnt": {"qk_norm": "learnt", "kv_heads": 2},
    "post": {"norm_place": "post", "norm": "layernorm"},
    "sandwich": {"norm_place": "sandwich"},
    "reordered": {"norm_place": "reordered"},
    "geglu": {"mlp": "geglu"},
    "relu": {"mlp": "relu"},
    "linear": {"rope_scaling": "linear", "rope_factor": 2.0},
    "yarn": {"rope_scaling": "yarn", "rope_factor": 4.0, "original_context": 4},
}
kinds = pytest.mark.parametrize("kind", KINDS)
