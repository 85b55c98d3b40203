"""What a model takes: bytes of its file, and bytes that it holds while it answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from brnb.compress.calibration import block_maps


def held_bytes(model: nn.Module) -> int:
    """Bytes of everything that a model keeps, each storage once: codes, scales, and the rest."""
    storages = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in _tensors(model)
    }
    return sum(storages.values())


def map_bits(model: nn.Module, original: nn.Module) -> float:
    """Bits of a weight of the blocks' maps, with its share of scales."""
    maps = block_maps(original)
    held = sum(held_bytes(model.get_submodule(name)) for name in maps)
    return 8 * held / sum(module.weight.numel() for module in maps.values())


def write_weights(model: nn.Module, original: nn.Module, file: Path, whole: bool = False) -> int:
    """Write a quantised model's weights as safetensors, whole or not at all; returns the bytes.

    Parameters
    ----------
    original
        The model before: says which maps were quantised. All else is written in bf16.
    whole
        Everything in fp32 instead.
    """
    maps = tuple(f"{name}." for name in block_maps(original).keys() - block_maps(model).keys())
    state, seen = {}, set()
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor) or (tensor.numel() and tensor.data_ptr() in seen):
            continue  # a note of bitsandbytes, or a tied head
        seen.add(tensor.data_ptr())
        stays = whole or name.startswith(maps) or not tensor.is_floating_point()
        state[name] = tensor.detach().cpu().to(tensor.dtype if stays else torch.bfloat16).clone()
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    save_file(state, partial)
    return partial.replace(file).stat().st_size


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        yield from module.parameters(recurse=False)
        yield from module.buffers(recurse=False)
        weight: Any = getattr(module, "weight", None)
        yield from _statistics(getattr(weight, "quant_state", None))
        yield from filter(lambda x: isinstance(x, Tensor), (getattr(weight, "SCB", None),))


def _statistics(state: Any) -> Iterator[Tensor]:
    """The scales of bitsandbytes, and the scales of the scales."""
    if state is not None:
        yield state.absmax
        yield from _statistics(getattr(state, "state2", None))
