"""Adapters saved, merged onto the base that they were trained on, and exported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from brnb.bases.load import quiet
from brnb.bases.maps import matrix, plain_map, quantised, release
from brnb.bases.shards import shards_of
from brnb.finetune.lora import adapted_layers, base_map, base_of, require_safetensors

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

CONVERTER = "convert_hf_to_gguf.py"  # of llama.cpp
LLAMA_CPP = "LLAMA_CPP"  # the variable that says where llama.cpp lies


class GgufUnavailable(RuntimeError):
    """The converter of llama.cpp is not installed, or, where it is `installed`, failed."""

    def __init__(self, message: str, installed: bool) -> None:
        super().__init__(message)
        self.installed = installed


def save_adapter(model: "PeftModel", folder: Path) -> list[Path]:
    """Write the adapters in peft's format, the same bytes for the same adapters.

    Returns
    -------
    list of Path
        ``adapter_config.json`` and ``adapter_model.safetensors``.
    """
    model.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)  # a model card to fill in
    config = folder / "adapter_config.json"
    values = json.loads(config.read_text("utf-8"))
    values["target_modules"] = sorted(values["target_modules"])  # a set: in no order
    if os.path.isabs(values.get("base_model_name_or_path") or ""):
        values["base_model_name_or_path"] = None  # a place on this machine is no name
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
    weights = folder / "adapter_model.safetensors"
    weights.chmod(config.stat().st_mode)  # safetensors keeps others from reading it
    return [config, weights]


def load_adapted(
    base: "PreTrainedModel", adapter_folder: Path | None, dtype: torch.dtype
) -> "PreTrainedModel":
    """A base with saved adapters merged into it: an ordinary model, ready to generate.

    Parameters
    ----------
    base
        From `brnb.bases.load.load_base` with the parameters of the training; it becomes the
        result. Its NF4 maps are dequantised first: that is what the adapters were trained on, and
        merging into 4 bits would round them away.
    adapter_folder
        As `save_adapter` wrote it; None for the dequantised base alone.
    dtype
        Of the result.

    Raises
    ------
    FileNotFoundError
        If the folder holds no adapter.
    """
    from peft import PeftModel

    if adapter_folder is None:
        return merge_adapters(base, dtype)
    require_safetensors(adapter_folder)
    with quiet():
        adapted = PeftModel.from_pretrained(base, adapter_folder)
    return merge_adapters(adapted, dtype)


def merge_adapters(model: "PeftModel | PreTrainedModel", dtype: torch.dtype) -> "PreTrainedModel":
    """Replace every map by W + scale * B A, added in fp32; the model is used up.

    Raises
    ------
    ValueError
        If the base is spread over processes: none of them has the maps.
    """
    from peft import PeftModel

    if shards_of(base_of(model) if isinstance(model, PeftModel) else model):
        raise ValueError(
            "the base is spread over processes: save the adapter (save_adapter) and merge it in "
            "one process, onto a base on the CPU (load_adapted)"
        )
    adapted = dict(adapted_layers(model))
    quantised_maps = {
        name: module
        for name, module in model.named_modules()
        if quantised(module) and not name.endswith("base_layer")
    }
    for name, module in (quantised_maps | adapted).items():
        parent, _, attribute = name.rpartition(".")
        plain = plain_map(_merged(module).to(dtype), base_map(module).bias)
        release(base_map(module))
        setattr(model.get_submodule(parent), attribute, plain)
    base: Any = base_of(model) if isinstance(model, PeftModel) else model
    base.config.__dict__.pop("quantization_config", None)
    for flag in ("is_quantized", "hf_quantizer", "is_loaded_in_4bit", "quantization_method"):
        base.__dict__.pop(flag, None)
    merged: PreTrainedModel = base.to(dtype).eval()
    return merged


def export_merged(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerFast",
    folder: Path,
    dtype: torch.dtype,
    ids: Tensor,
) -> float:
    """Merge the adapters and write the folder that ``AutoModelForCausalLM`` reads.

    Parameters
    ----------
    model
        The adapted model; it is used up.
    tokenizer
        Goes into the folder too, with its chat template.
    folder
        Receives ``config.json``, ``model.safetensors``, the tokenizer.
    dtype
        Of the weights.
    ids
        Some text, shape (T,), for the check.

    Returns
    -------
    float
        Largest difference between the logits before and after, over the largest logit.
    """
    before = _logits(model, ids)
    merged = merge_adapters(model, dtype)
    difference = (_logits(merged, ids) - before).abs().max() / before.abs().max()
    with quiet():
        merged.save_pretrained(folder)
    for weights in folder.glob("*.safetensors"):
        weights.chmod((folder / "config.json").stat().st_mode)
    tokenizer.save_pretrained(folder)
    return difference.item()


def to_gguf(folder: Path, file: Path) -> Path:
    """Convert an exported folder to GGUF by llama.cpp's own script.

    Raises
    ------
    GgufUnavailable
        If the script is not found on the PATH or in ``$LLAMA_CPP``, or fails.
    """
    places = [os.environ.get(LLAMA_CPP, ""), os.environ.get("PATH", "")]
    script = shutil.which(CONVERTER, os.F_OK, os.pathsep.join(filter(None, places)))
    if script is None:
        raise GgufUnavailable(
            f"{CONVERTER} is not installed: git clone https://github.com/ggml-org/llama.cpp and "
            f"set {LLAMA_CPP} to its folder",
            installed=False,
        )
    command = [sys.executable, script, str(folder), "--outfile", str(file), "--outtype", "bf16"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr[-2000:]
        raise GgufUnavailable(f"{CONVERTER} failed on {folder}:\n{said}", installed=True)
    return file


def try_gguf(folder: Path, file: Path) -> GgufUnavailable | None:
    """Convert to GGUF where the converter is installed; where it is not, the reason comes back.

    A chapter's results do not depend on it: not every machine has the converter, and it does not
    know every tokenizer.
    """
    try:
        to_gguf(folder, file)
    except GgufUnavailable as reason:
        return reason
    return None


def _merged(module: Any) -> Tensor:
    """W + scale * B A of a map, or W alone, in fp32."""
    weight = matrix(base_map(module), torch.float32)
    for name in getattr(module, "active_adapters", ()):
        up, down = module.lora_B[name].weight, module.lora_A[name].weight
        weight = torch.addmm(
            weight, up.detach().float(), down.detach().float(), alpha=module.scaling[name]
        )
    return weight


@torch.no_grad()
def _logits(model: nn.Module, ids: Tensor) -> Tensor:
    model.eval()
    device = next(model.parameters()).device
    logits: Tensor = model(input_ids=ids[None].to(device)).logits[0].float()
    return logits
