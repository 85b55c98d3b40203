"""What the code of a model type fixes and its ``config.json`` does not say.

As in transformers 5.23, ``models/<type>/modeling_<type>.py``: the tests build those modules on the
meta device and find no difference.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LayerRule = Callable[[int], str]  # layer number, from 0, to its type


def every(step: int, others: str) -> LayerRule:
    """Full attention in each `step`-th layer and `others` in those between."""
    return lambda layer: others if (layer + 1) % step else "full_attention"


def _full(layer: int) -> str:
    return "full_attention"


@dataclass(frozen=True)
class FamilyTraits:
    """Traits of a model type.

    Attributes
    ----------
    norm
        Where a layer normalises.
    qk_norm
        As in `AttentionHeads`.
    mixer
        Heads, or the latent vector of MLA.
    rule
        Type of a layer where the configuration lists no ``layer_types``.
    tied
        Where the configuration does not say.
    sinks, gated, shared_gate
        As in `AttentionHeads` and `ExpertNetworks`.
    expert_bias
        Whether experts and router have biases.
    indexer
        Whether small heads choose what the latent attention reads.
    """

    norm: Literal["pre", "post", "sandwich"] = "pre"
    qk_norm: Literal["head", "width"] | None = None
    mixer: Literal["heads", "latent"] = "heads"
    rule: LayerRule = _full
    tied: bool = False
    sinks: bool = False
    gated: bool = False
    shared_gate: bool = False
    expert_bias: bool = False
    indexer: bool = False


_QWEN35 = FamilyTraits(
    qk_norm="head", rule=every(4, "linear_attention"), gated=True, shared_gate=True
)
_MLA = FamilyTraits(mixer="latent")
_SPARSE_MLA = FamilyTraits(mixer="latent", indexer=True)
FAMILIES: dict[str, FamilyTraits] = {
    "deepseek_v2": _MLA,
    "deepseek_v3": _MLA,
    "deepseek_v32": _SPARSE_MLA,
    "gemma3_text": FamilyTraits(
        norm="sandwich", qk_norm="head", rule=every(6, "sliding_attention"), tied=True
    ),
    "gemma4_text": FamilyTraits(
        norm="sandwich", qk_norm="head", rule=every(6, "sliding_attention"), tied=True
    ),
    "glm_moe_dsa": _SPARSE_MLA,
    "gpt_oss": FamilyTraits(rule=every(2, "sliding_attention"), sinks=True, expert_bias=True),
    "kimi_k2": _MLA,
    "llama": FamilyTraits(),
    "minimax_m2": FamilyTraits(qk_norm="width"),
    "ministral3": FamilyTraits(),
    "mistral": FamilyTraits(),
    "mistral4": _MLA,
    "mixtral": FamilyTraits(),
    "olmo2": FamilyTraits(norm="post", qk_norm="width"),
    "olmo3": FamilyTraits(norm="post", qk_norm="width", rule=every(4, "sliding_attention")),
    "phi3": FamilyTraits(),
    "qwen2": FamilyTraits(),
    "qwen3": FamilyTraits(qk_norm="head"),
    "qwen3_5_moe_text": _QWEN35,
    "qwen3_5_text": _QWEN35,
    "qwen3_moe": FamilyTraits(qk_norm="head"),
    "smollm3": FamilyTraits(tied=True),
}
"""By ``model_type``; of a multimodal model, that of its ``text_config``."""
