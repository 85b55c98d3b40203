"""Which models of transformers are Llama's, layer by layer, so that our code may stand in."""

from collections.abc import Container, Iterable
from typing import Any

from torch import nn

FAMILIES = ("llama", "mistral")
WITH_HEAD_NORMS = (*FAMILIES, "qwen3")  # which norms the heads of queries and keys


def is_plain_llama(
    config: Any, maps: Iterable[nn.Module], families: Container[str] = FAMILIES
) -> bool:
    """Whether layers are RMSNorm, RoPE, full attention and SwiGLU, in maps without biases.

    Parameters
    ----------
    config
        Of the model (`transformers.PretrainedConfig`).
    maps
        The linear maps of its layers.
    families
        Those that the caller's code computes: more than `FAMILIES`, if it norms heads.
    """
    family = config.model_type in families and config.hidden_act == "silu"
    full = not getattr(config, "sliding_window", None)
    return bool(family and full and all(getattr(part, "bias", None) is None for part in maps))
