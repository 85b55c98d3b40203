"""The real modules of Transformers, built without memory and counted by component."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_RULES = {  # component and what the name of its parameters holds; the first that fits
    "embedding": r"embed_tokens\.weight$",
    "head": r"^lm_head\.",
    "sinks": r"\.sinks$",
    "shared_experts": r"\.shared_experts?(_gate)?\.",
    "experts": r"\.experts\.",
    "router": r"\.mlp\.(gate|router)\.",
    "mlp": r"\.mlp\.",
    "attention_norms": r"(self_attn|linear_attn)\.(\w+\.)?(\w*norm)\.",
    "attention": r"\.(self_attn|linear_attn)\.",
    "norms": r"norm\.",
}
_SAME_CODE = {"kimi_k2": "deepseek_v3"}  # its repository names DeepSeek's code


def build_on_meta(config: Mapping[str, Any]) -> "PreTrainedModel":
    """A causal language model of a configuration, whose tensors have shapes and no memory.

    Parameters
    ----------
    config
        Content of a ``config.json`` of a model type that the installed Transformers has.

    Raises
    ------
    ValueError
        If it has no such model type; names the version.
    """
    import torch
    import transformers

    values = dict(config)
    kind = str(values.pop("model_type"))
    try:
        chosen = transformers.AutoConfig.for_model(_SAME_CODE.get(kind, kind), **values)
    except ValueError:
        raise ValueError(
            f"model_type {kind!r} is not in transformers {transformers.__version__}: update it"
        ) from None
    with torch.device("meta"):
        model: PreTrainedModel = _causal(chosen)
    return model.eval()


def _causal(config: Any) -> Any:
    """The model with a head; by its name where the automatic class does not know it (Mistral 4)."""
    import transformers

    name = type(config).__name__.removesuffix("Config") + "ForCausalLM"
    if hasattr(transformers, name):
        return getattr(transformers, name)._from_config(config)
    return transformers.AutoModelForCausalLM.from_config(config)


def count_components(model: "PreTrainedModel") -> dict[str, int]:
    """Parameters of the real module by component; a shared table counts once, as embedding.

    Raises
    ------
    ValueError
        If a parameter belongs to no component; names it.
    """
    counted = Counter[str]()
    for name, parameter in model.named_parameters():
        counted[_component(name)] += parameter.numel()
    return dict(counted)


def _component(name: str) -> str:
    for component, pattern in _RULES.items():
        if re.search(pattern, name):
            return component
    raise ValueError(f"parameter {name} belongs to no component")
