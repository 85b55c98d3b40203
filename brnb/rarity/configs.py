"""The architecture that a Hugging Face ``config.json`` describes, in the words of the table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brnb.params import nearest


@dataclass(frozen=True)
class Traits:
    """What the code of a model type fixes and its ``config.json`` does not say.

    Attributes
    ----------
    norm
        Normalisation of the residual stream.
    gated
        Whether the feed-forward network multiplies two projections (SwiGLU, GeGLU).
    qk_norm
        Whether queries and keys are normalised, or the configuration key that says so.
    position
        What tells the attention layers where a token is.
    mixer
        What mixes tokens: attention alone, or attention with a recurrent or convolutional mixer.
    act
        Activation of a configuration that does not name one.
    """

    norm: str = "RMSNorm"
    gated: bool = True
    qk_norm: bool | str = False
    position: str = "RoPE"
    mixer: str = "attention"
    act: str = "silu"


_LIKE_LLAMA = (
    "deepseek_v2", "deepseek_v3", "ernie4_5_moe", "gemma", "gemma2", "glm4", "glm_moe_dsa",
    "gpt_oss", "granite", "internlm3", "llama", "ministral3", "mistral", "mistral4", "mixtral",
    "phi3", "qwen2", "qwen2_moe", "seed_oss",
)  # fmt: skip
_LIKE_QWEN3 = (
    "dots1", "gemma3_text", "hunyuan_v1_dense", "minimax_m2", "olmo2", "olmo3", "olmoe", "qwen3",
    "qwen3_moe",
)  # fmt: skip
# As in transformers 5.23, models/<type>/modeling_<type>.py; the tests look into those modules.
TRAITS: dict[str, Traits] = {
    **dict.fromkeys(_LIKE_LLAMA, Traits()),
    **dict.fromkeys(_LIKE_QWEN3, Traits(qk_norm=True)),
    "apertus": Traits(gated=False, qk_norm=True),
    "arcee": Traits(gated=False),
    "cohere": Traits(norm="LayerNorm", qk_norm="use_qk_norm"),
    "cohere2": Traits(norm="LayerNorm", position="RoPE+NoPE"),
    "dbrx": Traits(norm="LayerNorm"),
    "exaone4": Traits(qk_norm=True, position="RoPE+NoPE"),
    "falcon": Traits(norm="LayerNorm", gated=False, act="gelu"),
    "falcon_h1": Traits(mixer="attention+mamba2"),
    "glm4_moe": Traits(qk_norm="use_qk_norm"),
    "gpt_bigcode": Traits(norm="LayerNorm", gated=False, position="learned", act="gelu"),
    "gpt_neox": Traits(norm="LayerNorm", gated=False, act="gelu"),
    "granitemoehybrid": Traits(position="NoPE", mixer="attention+mamba2"),
    "jamba": Traits(position="NoPE", mixer="attention+mamba"),
    "lfm2": Traits(qk_norm=True, mixer="attention+convolution"),
    "llama4_text": Traits(qk_norm="use_qk_norm", position="RoPE+NoPE"),
    "minimax": Traits(mixer="attention+linear"),
    "mpt": Traits(norm="LayerNorm", gated=False, position="ALiBi", act="gelu"),
    "nemotron": Traits(norm="LayerNorm", gated=False),
    "nemotron_h": Traits(gated=False, position="NoPE", mixer="attention+mamba2"),
    "olmo": Traits(norm="LayerNorm"),
    "persimmon": Traits(norm="LayerNorm", gated=False, qk_norm="qk_layernorm"),
    "phi": Traits(norm="LayerNorm", gated=False, qk_norm="qk_layernorm"),
    "phimoe": Traits(norm="LayerNorm"),
    "qwen3_5_text": Traits(qk_norm=True, mixer="attention+linear"),
    "qwen3_next": Traits(qk_norm=True, mixer="attention+linear"),
    "recurrent_gemma": Traits(mixer="attention+rglru"),
    "smollm3": Traits(position="RoPE+NoPE"),
    "stablelm": Traits(norm="LayerNorm", qk_norm="qk_layernorm"),
    "starcoder2": Traits(norm="LayerNorm", gated=False),
}
_ACTIVATIONS = {
    ("silu", True): "SwiGLU",
    ("gelu", True): "GeGLU",
    ("gelu", False): "GELU",
    ("relu", False): "ReLU",
    ("relu2", False): "ReLU²",
    ("xielu", False): "xIELU",
}


def row_from_config(
    config: Path | Mapping[str, Any], traits: Traits | None = None, **facts: Any
) -> dict[str, Any]:
    """Build a row of the table of models from a ``config.json``, without network.

    Parameters
    ----------
    config
        The file, or its parsed content.
    traits
        For a model type that `TRAITS` does not list.
    **facts
        Columns that no configuration holds: ``name``, ``family``, ``version``, ``size``,
        ``released``, ``parameters``, ``licence``, ``source``…

    Returns
    -------
    dict
        Column names of ``brnb/thesis/models.csv`` and their values; context in tokens.

    Raises
    ------
    ValueError
        If the file is not a JSON object, the model type is unknown, or the configuration lacks
        heads, context or vocabulary; names the file and the fix.

    Examples
    --------
    >>> row = from_config({"model_type": "llama", "num_attention_heads": 32,
    ...     "num_key_value_heads": 8, "max_position_embeddings": 8192, "vocab_size": 128256})
    >>> row["attention"], row["activation"], row["norm"]
    ('GQA', 'SwiGLU', 'RMSNorm')
    """
    where = str(config) if isinstance(config, Path) else "config"
    values = _read(config) if isinstance(config, Path) else dict(config)
    for part in ("text_config", "attn_config", "ffn_config"):
        if not isinstance(values.get(part) or {}, Mapping):
            raise ValueError(f"{where}: {part} = {values[part]!r}: a JSON object is expected")
    values = values | (values.get("text_config") or {})  # the language model of a multimodal one
    traits = traits or _traits(values, where)
    context = _need(values, where, _CONTEXT)
    experts = _first(values, _EXPERTS) or None
    qk_norm = traits.qk_norm
    return {
        **facts,
        "attention": _attention(values, where),
        "mixer": traits.mixer,
        "window": _window(values, context, where),
        "experts": experts,
        "experts_active": _first(values, _EXPERTS_ACTIVE) if experts else None,
        "activation": _activation(values, traits, where),
        "norm": traits.norm,
        "qk_norm": bool(values.get(qk_norm)) if isinstance(qk_norm, str) else qk_norm,
        "position": "ALiBi" if values.get("alibi") else traits.position,
        "context": context,
        "vocab": _need(values, where, ("vocab_size",)),
    }


_HEADS = ("num_attention_heads", "n_heads", "n_head", "num_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")
_CONTEXT = ("max_position_embeddings", "max_seq_len", "n_positions", "seq_length")
_WINDOW = ("sliding_window", "attention_window_size", "attention_chunk_size")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_EXPERTS_ACTIVE = ("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_top_k")
_ACT = ("hidden_act", "hidden_activation", "activation_function", "mlp_hidden_act", "activation")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON or of UTF-8
        raise ValueError(f"{file}: not a config.json: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file}: not a config.json: a JSON object is expected")
    return content


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    parts = (config, config.get("attn_config") or {}, config.get("ffn_config") or {})
    values = (part.get(key) for key in keys for part in parts)
    return next((value for value in values if value is not None), None)


def _need(config: Mapping[str, Any], where: str, keys: tuple[str, ...]) -> int:
    value = _first(config, keys)
    if not isinstance(value, int):
        raise ValueError(f"{where}: none of {', '.join(keys)} is there; add it to the file")
    return value


def _traits(config: Mapping[str, Any], where: str) -> Traits:
    kind = str(config.get("model_type"))
    if kind not in TRAITS:
        raise ValueError(
            f"{where}: model_type {kind!r} is unknown{nearest(kind, TRAITS)}; "
            "pass traits=Traits(...) with what its code fixes"
        )
    return TRAITS[kind]


def _attention(config: Mapping[str, Any], where: str) -> str:
    """Which projections keys and values have: one per head, group, model, or a latent vector."""
    if config.get("kv_lora_rank"):
        return "MLA"
    heads = _need(config, where, _HEADS)
    nested = (config.get("attn_config") or {}).get("kv_n_heads")
    keys = nested or _first(config, _KV_HEADS) or heads
    if not isinstance(keys, int):
        raise ValueError(f"{where}: {keys!r} is no number of heads for keys and values")
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        keys = 1
    return {1: "MQA", heads: "MHA"}.get(keys, "GQA")


def _window(config: Mapping[str, Any], context: int, where: str) -> int | None:
    """Tokens that the layers with a sliding window see; None if every layer sees all."""
    window = _first(config, _WINDOW)
    layers = config.get("layer_types") or ["sliding"]
    if not (window is None or isinstance(window, int)) or not isinstance(layers, list):
        raise ValueError(f"{where}: window {window!r}, layer_types {layers!r}: not understood")
    local = any("sliding" in str(layer) or "chunked" in str(layer) for layer in layers)
    unused = config.get("use_sliding_window") is False or not local
    return None if unused or window is None or window >= context else int(window)


def _activation(config: Mapping[str, Any], traits: Traits, where: str) -> str:
    name = str(_first(config, _ACT) or traits.act)
    name = "gelu" if name.startswith("gelu") else {"swish": "silu"}.get(name, name)
    if (name, traits.gated) not in _ACTIVATIONS:
        known = ", ".join(sorted({act for act, _ in _ACTIVATIONS}))
        raise ValueError(f"{where}: activation {name!r} has no name here; known: {known}")
    return _ACTIVATIONS[name, traits.gated]
