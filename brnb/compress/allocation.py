"""Bits for each map under a budget: few where a coarse map hurts little (Eqs. C.84-C.86)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from brnb.compress.calibration import block_maps
from brnb.compress.grids import affine_grid
from brnb.compress.schemes import Job, round_map
from brnb.theory.tradeoffs import allocate_bits


@dataclass(frozen=True)
class Sensitivity:
    """A map as C.84 sees it.

    Attributes
    ----------
    weight
        w: what the model loses per unit of the map's mean squared error.
    size
        s: weights.
    errors
        MSE(b) of its weights rounded to b bits.
    """

    weight: float
    size: int
    errors: dict[int, float]


@torch.no_grad()
def map_sensitivities(
    model: nn.Module, windows: Tensor, widths: Sequence[int], probe: int, group: int
) -> dict[str, Sensitivity]:
    """Round one map at a time to `probe` bits, and see how far the model's predictions move.

    The weight of C.84 is KL / MSE(probe): KL(original ‖ with that map rounded) on calibration
    windows (n, T), in nats a token.
    """
    exact = model(windows)[0].float().log_softmax(-1)
    table = {}
    for name, module in block_maps(model).items():
        errors = {bits: _squared_error(module.weight, bits, group) for bits in widths}
        rough = _with(model, name, round_map(Job(name, module, None, group), probe), windows)
        divergence = (exact.exp() * (exact - rough)).sum(-1).mean().item()
        weight = max(divergence, 0.0) / errors[probe]
        table[name] = Sensitivity(weight, module.weight.numel(), errors)
    return table


def mixed_bits(table: Mapping[str, Sensitivity], mean: float) -> dict[str, int]:
    """Bits of every map so that their mean over the weights is at most `mean`.

    Raises
    ------
    ValueError
        If the fewest bits are more.
    """
    layers = [(row.weight, row.size, row.errors) for row in table.values()]
    chosen = allocate_bits(layers, mean * sum(row.size for row in table.values()))
    return dict(zip(table, chosen, strict=True))


def mean_bits(table: Mapping[str, Sensitivity], bits: Mapping[str, int]) -> float:
    """Mean bits over the weights, without scales."""
    size = sum(row.size for row in table.values())
    return sum(bits[name] * row.size for name, row in table.items()) / size


def _squared_error(weight: Tensor, bits: int, group: int) -> float:
    grid = affine_grid(weight.data, bits, group)
    restored = grid.restore(grid.codes(weight.data.float()))
    return float((restored - weight.data).square().mean())


def _with(model: nn.Module, name: str, stand_in: nn.Module, windows: Tensor) -> Tensor:
    """Log-probabilities with one map replaced for the time of the call."""
    parent, _, last = name.rpartition(".")
    owner = model.get_submodule(parent)
    original = owner.get_submodule(last)
    try:
        setattr(owner, last, stand_in)
        rough: Tensor = model(windows)[0].float().log_softmax(-1)
    finally:
        setattr(owner, last, original)
    return rough
