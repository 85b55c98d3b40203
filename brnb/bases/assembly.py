"""A frozen model built layer by layer, for bases that are drawn or that no GPU holds."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from brnb.bases.maps import quantise, quantised
from brnb.bases.shards import Shards

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


def assemble_model(
    config: "PreTrainedConfig",
    value: Callable[[str, Tensor], Tensor],
    nf4: bool,
    dtype: torch.dtype,
    device: torch.device,
    double: bool = True,
    shards: Shards | None = None,
) -> "PreTrainedModel":
    """A frozen model, built layer by layer: the peak is what stays of it, and one layer.

    Parameters
    ----------
    config
        Of a decoder with rotary positions.
    value
        Gives each parameter, by its name and an empty tensor of its shape.
    nf4, double
        Whether the maps of the layers are quantised, and their scales.
    dtype, device
        Of the parameters.
    shards
        Receives the layers and leaves here this process's part of them.
    """
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False)
    core = model.base_model
    tied = model.get_output_embeddings() if config.tie_word_embeddings else None

    def full(name: str, like: Tensor) -> Tensor:
        return value(name, like).to(device, dtype)

    for number, layer in enumerate(core.layers):
        inside = list(layer.named_modules(prefix=f"{model.base_model_prefix}.layers.{number}"))
        for path, parent in inside:
            for name, child in list(parent.named_children()):
                if nf4 and isinstance(child, nn.Linear):
                    weight = full(f"{path}.{name}.weight", child.weight)
                    setattr(parent, name, quantise(weight, child.bias, double))
        _fill(layer, inside[0][0], full)
        if shards:
            shards.add(layer)
    _fill(model, "", full, tied)
    model.tie_weights()
    core.rotary_emb = type(core.rotary_emb)(config=config).to(device)
    if shards:
        shards.attach(model)
    return freeze(model)


def freeze(model: "PreTrainedModel") -> "PreTrainedModel":
    """Train nothing of it, and keep CPUs from repacking its maps.

    In evaluation without gradients, a CPU with AVX512-BF16 repacks NF4 maps for an inference
    kernel and nothing unpacks them: from then on gradients through them are wrong, silently.
    """
    model.requires_grad_(False)
    model.config.use_cache = False
    for module in filter(quantised, model.modules()):
        module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]
    return model


def weights_of(base: str, revision: str | None) -> Callable[[str, Tensor], Tensor]:
    """The weights of a base by their names, each read from its file when it is asked for."""
    from huggingface_hub import snapshot_download
    from safetensors import safe_open

    folder = Path(base)
    if not folder.is_dir():
        folder = Path(snapshot_download(base, revision=revision, allow_patterns="*.safetensors"))
    opened = [safe_open(file, "pt") for file in sorted(folder.glob("*.safetensors"))]
    where = {name: file for file in opened for name in file.keys()}  # noqa: SIM118

    def value(name: str, like: Tensor) -> Tensor:
        tensor = where[name].get_tensor(name) if name in where else None
        if tensor is None or tensor.shape != like.shape:
            raise ValueError(
                f"base {base!r} has no {name} of shape {tuple(like.shape)}, and is too large for "
                "one GPU: take its unquantised safetensors in Hugging Face's names"
            )
        return tensor

    return value


def _fill(
    root: nn.Module,
    prefix: str,
    full: Callable[[str, Tensor], Tensor],
    tied: nn.Module | None = None,
) -> None:
    """Give all parameters that have no values theirs, but for a head tied to the embedding."""
    for path, module in list(root.named_modules(prefix=prefix)):
        for name, like in list(module.named_parameters(recurse=False)):
            if like.is_meta and module is not tied:
                setattr(module, name, nn.Parameter(full(f"{path}.{name}", like)))
