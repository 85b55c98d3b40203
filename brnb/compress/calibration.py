"""What each map of a model reads on calibration text: rounding is judged by it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

KEPT_INPUTS = 256  # of a map: enough for its error to a few per cent


@dataclass(frozen=True, eq=False)
class MapInputs:
    """What a map read: `moments`, the sum of x xᵀ over all inputs x, (K, K), in fp32; and `kept`,
    some of them, (n, K)."""

    moments: Tensor
    kept: Tensor


def block_maps(model: nn.Module) -> dict[str, nn.Linear]:
    """The linear maps of a model's blocks by name: what is quantised.

    Embedding and head are outside of the blocks and stay as they are, as in bitsandbytes. A map
    that is quantised already is none of these.
    """
    return {
        name: module
        for name, module in model.named_modules()
        if type(module) is nn.Linear and any(part.isdigit() for part in name.split("."))
    }


@torch.no_grad()
def collect_inputs(model: nn.Module, windows: Tensor) -> dict[str, MapInputs]:
    """Read calibration windows (n, T), and keep what every map of the blocks reads."""
    collected: dict[str, MapInputs] = {}

    def note(name: str) -> Callable[[nn.Module, Any], None]:
        def hook(_: nn.Module, arguments: Any) -> None:
            x = arguments[0].detach().float().flatten(0, -2)
            earlier = collected.get(name)
            collected[name] = MapInputs(
                moments=x.T @ x + (earlier.moments if earlier else 0),
                kept=torch.cat([earlier.kept, x])[:KEPT_INPUTS] if earlier else x[:KEPT_INPUTS],
            )

        return hook

    with _hooked(model, note):
        for window in windows:
            model(window[None].to(next(model.parameters()).device))
    return collected


@contextmanager
def _hooked(
    model: nn.Module, note: Callable[[str], Callable[[nn.Module, Any], None]]
) -> Iterator[None]:
    hooks = [
        module.register_forward_pre_hook(note(name)) for name, module in block_maps(model).items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def output_errors(
    original: nn.Module, compressed: nn.Module, inputs: dict[str, MapInputs]
) -> dict[str, float]:
    """Squared error of each map's outputs, as a share of the outputs' squared size.

    Both maps read what the original reads, so that no error of an earlier layer counts.
    """
    errors = {}
    for name, module in block_maps(original).items():
        other = compressed.get_submodule(name)
        x = inputs[name].kept.to(module.weight.device)
        exact = module(x.to(module.weight.dtype)).float()
        rough = other(x.to(next(compressed.parameters()).dtype)).float()
        errors[name] = float((rough - exact).square().sum() / exact.square().sum().clamp_min(1e-30))
    return errors
