"""A ``config.json`` read as an architecture, with an error that names the field and the fix."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brnb.architectures.architecture import Architecture, LayerShape
from brnb.architectures.families import FAMILIES, FamilyTraits
from brnb.architectures.mixers import AttentionHeads, Delta, Indexer, Latent, Mixer
from brnb.architectures.networks import Dense, ExpertNetworks, Network
from brnb.params import nearest

_MOST, _MOST_LAYERS = 2**40, 10_000  # beyond them a typing error, and hours of building layers
_ACTIVATIONS = {"silu": "SwiGLU", "gelu_pytorch_tanh": "GeGLU", "gelu": "GeGLU"}


class ConfigError(ValueError):
    """A configuration that describes no architecture; the message names field and fix."""


def read_config(config: Path | Mapping[str, Any], name: str = "") -> Architecture:
    """Read an architecture from a Hugging Face ``config.json``, without network.

    Parameters
    ----------
    config
        The file, or its parsed content; of a multimodal model the language model counts.
    name
        What to call it; else the folder of the file, or the model type.

    Raises
    ------
    ConfigError
        If the file is no JSON object, the family is unknown, a field is missing, not positive or
        of a wrong type, or heads do not divide; names the file, the field and the fix.

    Examples
    --------
    >>> read_config({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096,
    ...     "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    ...     "num_key_value_heads": 8, "max_position_embeddings": 131072}).parameters
    8030261248
    """
    if isinstance(config, Path):
        fields, where = _content(config), str(config)
        name = name or (config.parent.name if config.stem == "config" else config.stem)
    else:
        fields, where = dict(config), "config"
    inner = fields.get("text_config") or {}
    if not isinstance(inner, Mapping):
        raise ConfigError(f"{where}: text_config: a JSON object is expected")
    fields |= inner
    return _Reader(fields, where).architecture(name)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON or of UTF-8
        raise ConfigError(f"{file}: not a config.json: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: not a config.json: a JSON object is expected")
    return content


class _Reader:
    """The fields of one configuration, and the parts that they describe."""

    def __init__(self, fields: dict[str, Any], where: str) -> None:
        self.fields, self.where = fields, where
        if fields.get("model_type") is None:
            raise self.error("model_type is missing: add the family, e.g. llama")
        self.model_type = str(fields["model_type"])
        if self.model_type not in FAMILIES:
            hint = nearest(self.model_type, FAMILIES)
            raise self.error(f"model_type {self.model_type!r} is an unknown family{hint}")
        self.family: FamilyTraits = FAMILIES[self.model_type]

    def architecture(self, name: str) -> Architecture:
        """The whole."""
        for field in ("enable_moe_block", "hidden_size_per_layer_input", "num_kv_shared_layers"):
            if self.fields.get(field):
                raise self.error(f"{field} = {self.fields[field]!r} is not counted; it must be 0")
        count = self.size("num_hidden_layers", most=_MOST_LAYERS)
        return Architecture(
            name=name or self.model_type,
            family=self.model_type,
            vocab=self.size("vocab_size"),
            width=self.size("hidden_size"),
            context=self.size("max_position_embeddings"),
            layers=tuple(LayerShape(self.mixer(i), self.network(i)) for i in range(count)),
            tied=bool(self.fields.get("tie_word_embeddings", self.family.tied)),
            norm=self.family.norm,
            activation=self.activation(),
        )

    def error(self, text: str) -> ConfigError:
        """An error that begins with the file."""
        return ConfigError(f"{self.where}: {text}")

    def size(self, *names: str, least: int = 1, most: int = _MOST) -> int:
        """The first of these fields that is there, a whole number from `least` to `most`."""
        name = next((n for n in names if self.fields.get(n) is not None), None)
        if name is None:
            raise self.error(f"{' or '.join(names)} is missing: add it to the file")
        value = self.fields[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(f"{name} = {value!r}: it must be a whole number of at least {least}")
        if value > most:
            raise self.error(f"{name} is more than {most}, which no model has: correct it")
        return value

    def optional(self, *names: str, least: int = 1) -> int | None:
        """As `size`, or None where all of the fields are missing or null."""
        present = any(self.fields.get(name) is not None for name in names)
        return self.size(*names, least=least) if present else None

    def listed(self, name: str, count: int = 0) -> list[Any]:
        """A list with at least `count` values, or an empty one where the field is missing."""
        values = self.fields.get(name)
        if not values:
            return []
        if not isinstance(values, list) or len(values) < count:
            of = ", with a value for each layer" if count else ""
            raise self.error(f"{name}: a list is expected{of}")
        return values

    def activation(self) -> str:
        """Name of the gated network's activation."""
        act = str(self.fields.get("hidden_activation") or self.fields.get("hidden_act") or "silu")
        if act not in _ACTIVATIONS:
            known = ", ".join(_ACTIVATIONS)
            raise self.error(f"hidden_act = {act!r} is unknown; known: {known}")
        return _ACTIVATIONS[act]

    def layer_type(self, layer: int) -> str:
        """Full, sliding or linear attention."""
        types = self.listed("layer_types")
        if not types:
            return self.family.rule(layer)
        count = self.size("num_hidden_layers")
        if len(types) != count:
            raise self.error(f"layer_types names {len(types)} of num_hidden_layers = {count}")
        known = ("full_attention", "sliding_attention", "linear_attention")
        if types[layer] not in known:
            raise self.error(f"layer_types: {types[layer]!r} is unknown; known: {', '.join(known)}")
        return str(types[layer])

    def mixer(self, layer: int) -> Mixer:
        """What mixes tokens in a layer."""
        if self.family.mixer == "latent":
            return self.latent()
        return self.delta() if self.layer_type(layer) == "linear_attention" else self.heads(layer)

    def heads(self, layer: int) -> AttentionHeads:
        """Attention with shared keys and values."""
        heads = self.size("num_attention_heads")
        wide = self.is_wide(layer)
        kv_heads = self.optional("num_key_value_heads") or heads
        kv_heads = (wide and self.optional("num_global_key_value_heads")) or kv_heads
        if heads % kv_heads:
            raise self.error(
                f"num_key_value_heads = {kv_heads} does not divide num_attention_heads = {heads}"
            )
        head_dim = self.optional("head_dim") or self.head_dim(heads)
        head_dim = (wide and self.optional("global_head_dim")) or head_dim
        bias = bool(self.fields.get("attention_bias", False))
        return AttentionHeads(
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            value_dim=head_dim,
            window=self.window(layer),
            rope=self.rotates(layer),
            qk_norm=self.family.qk_norm,
            bias=bias or self.model_type == "qwen2",
            out_bias=bias,
            sinks=self.family.sinks,
            gated=self.family.gated,
            one_map=wide and bool(self.fields.get("attention_k_eq_v")),
        )

    def is_wide(self, layer: int) -> bool:
        """Whether a layer of Gemma 4 has the heads of those that see all."""
        return self.model_type == "gemma4_text" and self.layer_type(layer) == "full_attention"

    def head_dim(self, heads: int) -> int:
        """The width shared among the heads."""
        width = self.size("hidden_size")
        if width % heads:
            raise self.error(
                f"num_attention_heads = {heads} does not divide hidden_size = {width}: "
                "correct one of them, or give head_dim"
            )
        return width // heads

    def window(self, layer: int) -> int | None:
        """Tokens that a layer sees, or None for all."""
        pattern = self.optional("sliding_window_pattern")
        if self.fields.get("layer_types") or not pattern:
            sliding = self.layer_type(layer) == "sliding_attention"
        else:
            sliding = bool((layer + 1) % pattern)
        if sliding:
            return self.size("sliding_window")
        everywhere = self.model_type in ("mistral", "ministral3", "mixtral", "phi3")
        return self.optional("sliding_window") if everywhere else None

    def rotates(self, layer: int) -> bool:
        """Whether the layer has RoPE: SmolLM3 leaves it out of every fourth."""
        listed = self.listed("no_rope_layers", layer + 1)  # 1: RoPE, as its code reads it
        if listed:
            return bool(listed[layer])
        step = self.optional("no_rope_layer_interval")
        step = step or (4 if self.model_type == "smollm3" else None)
        return not step or bool((layer + 1) % step)

    def latent(self) -> Latent:
        """DeepSeek's latent attention."""
        indexer = None
        if self.family.indexer:
            indexer = Indexer(
                heads=self.size("index_n_heads"),
                head_dim=self.size("index_head_dim"),
                chosen=self.size("index_topk"),
            )
        return Latent(
            heads=self.size("num_attention_heads"),
            query_rank=self.optional("q_lora_rank"),
            rank=self.size("kv_lora_rank"),
            nope_dim=self.size("qk_nope_head_dim"),
            rope_dim=self.size("qk_rope_head_dim"),
            value_dim=self.size("v_head_dim"),
            indexer=indexer,
        )

    def delta(self) -> Delta:
        """Qwen's gated delta rule."""
        keys, values = self.size("linear_num_key_heads"), self.size("linear_num_value_heads")
        if values % keys:
            raise self.error(
                f"linear_num_key_heads = {keys} does not divide linear_num_value_heads = {values}"
            )
        return Delta(
            key_heads=keys,
            value_heads=values,
            key_dim=self.size("linear_key_head_dim"),
            value_dim=self.size("linear_value_head_dim"),
            kernel=self.size("linear_conv_kernel_dim"),
        )

    def network(self, layer: int) -> Network:
        """The feed-forward part of a layer."""
        count = self.optional("num_local_experts", "n_routed_experts", "num_experts", least=0)
        if not count or self.is_dense(layer):
            return Dense(hidden=self.size("intermediate_size"))
        active = self.size("num_experts_per_tok", "experts_per_token")
        if active > count:
            raise self.error(f"num_experts_per_tok = {active} of only {count} experts")
        hidden = self.size("moe_intermediate_size", "intermediate_size")
        shared = (self.optional("n_shared_experts", least=0) or 0) * hidden
        return ExpertNetworks(
            count=count,
            active=active,
            hidden=hidden,
            shared_hidden=self.optional("shared_expert_intermediate_size", least=0) or shared,
            bias=self.family.expert_bias,
            shared_gate=self.family.shared_gate,
        )

    def is_dense(self, layer: int) -> bool:
        """Whether a layer of a model with experts has none."""
        step = self.optional("decoder_sparse_step") or 1
        dense = self.listed("mlp_only_layers")
        first = self.optional("first_k_dense_replace", least=0) or 0
        return layer < first or layer in dense or bool((layer + 1) % step)
