"""The shape of a Transformer: its sizes, and from them its exact number of parameters."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Linear = tuple[int, int]  # inputs k, outputs d of a map W in R^(d x k)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a decoder-only Transformer, dense or with experts.

    Attributes
    ----------
    vocab, width, layers
        Vocabulary V, width d of the residual stream, number of blocks L.
    heads, kv_heads, head_dim
        Query heads, the key-value heads that they share, and the width of each.
    hidden
        Width of the feed-forward network; of one expert where there are experts.
    gated
        Whether the feed-forward network has a third map (SwiGLU, GeGLU).
    tied
        Whether the head is the embedding.
    positions
        Learned position embeddings; 0 for RoPE.
    experts, experts_active
        Experts of a layer, and those that a token passes through; 0 for a dense model.
    dense_layers, dense_hidden
        Layers without experts, and the width of their feed-forward networks.
    bias, qkv_bias, norm_bias, qk_norm
        Biases of all linear maps, or of the query, key and value maps alone; of the norms; gains
        of a norm over each head's queries and keys.
    """

    vocab: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden: int
    gated: bool = True
    tied: bool = False
    positions: int = 0
    experts: int = 0
    experts_active: int = 0
    dense_layers: int = 0
    dense_hidden: int = 0
    bias: bool = False
    qkv_bias: bool = False
    norm_bias: bool = False
    qk_norm: bool = False

    def __post_init__(self) -> None:
        for name in ("vocab", "width", "layers", "heads", "kv_heads", "head_dim", "hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be at least 1")
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads = {self.kv_heads} does not divide heads = {self.heads}")
        if not 0 <= self.experts_active <= self.experts or (
            self.experts and not self.experts_active
        ):
            raise ValueError(f"experts_active = {self.experts_active} of {self.experts} experts")
        if self.dense_layers > self.layers:
            raise ValueError(f"dense_layers = {self.dense_layers} of {self.layers} layers")

    @property
    def attention_maps(self) -> dict[str, Linear]:
        """The linear maps of a layer's attention, as (inputs, outputs)."""
        query, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "query": (self.width, query),
            "key": (self.width, keys),
            "value": (self.width, keys),
            "out": (query, self.width),
        }

    @property
    def mlp_maps(self) -> dict[str, Linear]:
        """The linear maps of a layer's feed-forward network, or of one of its experts."""
        maps = {"up": (self.width, self.hidden), "down": (self.hidden, self.width)}
        return ({"gate": maps["up"]} if self.gated else {}) | maps

    @property
    def embedding_parameters(self) -> int:
        """Token and position embeddings; looked up, not multiplied."""
        return (self.vocab + self.positions) * self.width

    @property
    def head_parameters(self) -> int:
        """V x d of the head, whether it is stored (untied) or the embedding (tied)."""
        return self.vocab * self.width

    @property
    def linear_parameters(self) -> int:
        """Weights of all linear maps in the blocks, the router apart: what NF4 quantises."""
        sparse = self.layers - self.dense_layers
        inside = sparse * max(self.experts, 1) * self.hidden
        return self._attention_weights() + self._mlp_weights(inside + self._dense_hidden())

    @property
    def matmul_parameters(self) -> int:
        """Weights that one token is multiplied with: active maps, routers and head."""
        sparse = self.layers - self.dense_layers
        inside = sparse * max(self.experts_active, 1) * self.hidden
        weights = self._attention_weights() + self._mlp_weights(inside + self._dense_hidden())
        return weights + self._router_weights() + self.head_parameters

    @property
    def parameters(self) -> int:
        """All parameters that are stored."""
        return self.linear_parameters + self._rest()

    @property
    def active_parameters(self) -> int:
        """Parameters of the experts that a token passes through, and all others."""
        idle = (self.layers - self.dense_layers) * (self.experts - self.experts_active)
        return self.parameters - self._mlp_weights(idle * self.hidden)

    def _attention_weights(self) -> int:
        return self.layers * sum(k * d for k, d in self.attention_maps.values())

    def _mlp_weights(self, inside: int) -> int:
        return len(self.mlp_maps) * self.width * inside

    def _dense_hidden(self) -> int:
        return self.dense_layers * self.dense_hidden

    def _router_weights(self) -> int:
        return (self.layers - self.dense_layers) * self.experts * self.width

    def _rest(self) -> int:
        """Embeddings, stored head, routers, norms and biases."""
        norms = (2 * self.layers + 1) * self.width * (2 if self.norm_bias else 1)
        norms += self.layers * 2 * self.head_dim if self.qk_norm else 0
        head = 0 if self.tied else self.head_parameters
        return (
            self.embedding_parameters + head + self._router_weights() + norms + self._bias_terms()
        )

    def _bias_terms(self) -> int:
        outputs = {name: d for name, (_, d) in (self.attention_maps | self.mlp_maps).items()}
        biased = outputs if self.bias else ("query", "key", "value") if self.qkv_bias else ()
        return self.layers * sum(outputs[name] for name in biased)


# What the code of a model type fixes and its config.json does not say.
_KINDS: dict[str, dict[str, Any]] = {
    "gemma": {},
    "gpt2": {"gated": False, "bias": True, "norm_bias": True},
    "llama": {},
    "mistral": {},
    "mixtral": {},
    "phi3": {},
    "qwen2": {"qkv_bias": True},
    "qwen3": {"qk_norm": True},
    "qwen3_moe": {"qk_norm": True},
    "smollm3": {},
}
_TIED = frozenset({"gpt2", "gemma"})  # tied where the configuration does not say
_NAMES = {
    "vocab": ("vocab_size",),
    "width": ("hidden_size", "n_embd"),
    "layers": ("num_hidden_layers", "n_layer"),
    "heads": ("num_attention_heads", "n_head"),
}


def from_config(config: Path | Mapping[str, Any]) -> Shape:
    """Read the shape from a Hugging Face ``config.json``.

    Parameters
    ----------
    config
        The file, or its parsed content, of a model type among gpt2, llama, mistral, mixtral,
        phi3, gemma, smollm3, qwen2, qwen3 and qwen3_moe.

    Raises
    ------
    ValueError
        If the model type is unknown or a size is missing; names the file and the fix.

    Examples
    --------
    >>> from_config({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096,
    ...     "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    ...     "num_key_value_heads": 8, "tie_word_embeddings": False}).parameters
    8030261248
    """
    where = str(config) if isinstance(config, Path) else "config"
    values = json.loads(config.read_text("utf-8")) if isinstance(config, Path) else dict(config)
    kind = str(values.get("model_type"))
    if kind not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise ValueError(f"{where}: model_type {kind!r} is unknown; known: {known}, or use Shape()")
    if values.get("attention_bias") or values.get("mlp_bias"):
        raise ValueError(f"{where}: attention_bias and mlp_bias are not counted; use Shape()")
    sizes: dict[str, Any] = {name: _size(values, keys, where) for name, keys in _NAMES.items()}
    heads = sizes["heads"]
    if kind == "gpt2":
        sizes["positions"] = _size(values, ("n_positions",), where)
        sizes["hidden"] = values.get("n_inner") or 4 * sizes["width"]
    elif kind in ("mixtral", "qwen3_moe"):
        sizes |= _experts(values, sizes["layers"], where)
    else:
        sizes["hidden"] = _size(values, ("intermediate_size",), where)
    return Shape(
        **sizes,
        **_KINDS[kind],
        kv_heads=int(values.get("num_key_value_heads") or heads),
        head_dim=int(values.get("head_dim") or sizes["width"] // heads),
        tied=bool(values.get("tie_word_embeddings", kind in _TIED)),
    )


def _size(config: Mapping[str, Any], keys: tuple[str, ...], where: str) -> int:
    values = (config.get(key) for key in keys)
    value = next((value for value in values if value is not None), None)
    if not isinstance(value, int):
        raise ValueError(f"{where}: none of {', '.join(keys)} is there; add it to the file")
    return value


def _experts(config: Mapping[str, Any], layers: int, where: str) -> dict[str, int]:
    """Experts of Mixtral and Qwen3-MoE; the latter may keep some layers dense."""
    step = int(config.get("decoder_sparse_step", 1))
    only = config.get("mlp_only_layers") or []
    dense = [i for i in range(layers) if i in only or (i + 1) % step]
    return {
        "hidden": _size(config, ("moe_intermediate_size", "intermediate_size"), where),
        "experts": _size(config, ("num_local_experts", "num_experts"), where),
        "experts_active": _size(config, ("num_experts_per_tok",), where),
        "dense_layers": len(dense),
        "dense_hidden": _size(config, ("intermediate_size",), where) if dense else 0,
    }


LLAMA_70B = Shape(
    vocab=128256, width=8192, layers=80, heads=64, kv_heads=8, head_dim=128, hidden=28672
)


LLAMA_7B = Shape(
    vocab=32000, width=4096, layers=32, heads=32, kv_heads=32, head_dim=128, hidden=11008
)


LLAMA_8B = Shape(
    vocab=128256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128, hidden=14336
)


MIXTRAL_8X7B = replace(LLAMA_8B, vocab=32000, experts=8, experts_active=2)
