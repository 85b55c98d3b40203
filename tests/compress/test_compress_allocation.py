"""Bits of maps: map_sensitivities by hand, and the budget kept."""

import itertools

import pytest
import torch
from model_forms import FORMS, build, ids_for

from brnb.compress.allocation import Sensitivity, map_sensitivities, mean_bits, mixed_bits
from brnb.compress.calibration import block_maps

MODEL = build(**(FORMS["v6"] | {"width": 64, "hidden": 128, "layers": 1}))
TABLE = map_sensitivities(MODEL, ids_for(MODEL), [2, 3, 4, 8], 3, 32)


def test_errors_fall_with_bits_to_a_quarter_or_less():
    for row in TABLE.values():
        assert row.errors[2] > 3 * row.errors[3] > 9 * row.errors[4] > 9 * row.errors[8]


def test_a_map_weighs_what_its_rounding_moves_the_predictions():
    before = MODEL(ids_for(MODEL))[0].log_softmax(-1)
    name = "blocks.0.mlp.down"
    module = block_maps(MODEL)[name]
    exact = module.weight.data.clone()
    grouped = exact.reshape(64, 4, 32)
    low, high = grouped.amin(-1, keepdim=True).clamp(max=0), grouped.amax(-1, keepdim=True)
    scale = ((high.clamp(min=0) - low) / 7).half().float()
    zero = (-low / scale).round().clamp(0, 7)
    rough = (((grouped / scale).round() + zero).clamp(0, 7) - zero) * scale
    module.weight.data = rough.reshape(64, 128)
    after = MODEL(ids_for(MODEL))[0].log_softmax(-1)
    module.weight.data = exact
    divergence = (before.exp() * (before - after)).sum(-1).mean().item()
    error = (rough.reshape(64, 128) - exact).square().mean().item()
    assert TABLE[name].weight == pytest.approx(divergence / error, rel=1e-3)


def test_the_measured_model_is_left_as_it_was():
    assert all(type(module) is torch.nn.Linear for module in block_maps(MODEL).values())


def test_the_allocation_is_the_best_of_all_that_keep_the_budget():
    table = {
        "a": Sensitivity(5.0, 10, {2: 0.16, 3: 0.04, 4: 0.01}),
        "b": Sensitivity(0.1, 10, {2: 0.16, 3: 0.04, 4: 0.01}),
        "c": Sensitivity(1.0, 20, {2: 0.16, 3: 0.04, 4: 0.01}),
    }
    chosen = mixed_bits(table, 3.0)
    assert mean_bits(table, chosen) <= 3

    def loss(bits):
        return sum(r.weight * r.errors[b] for r, b in zip(table.values(), bits, strict=True))

    fitting = [
        bits
        for bits in itertools.product((2, 3, 4), repeat=3)
        if mean_bits(table, dict(zip(table, bits, strict=True))) <= 3
    ]
    assert loss(chosen.values()) == pytest.approx(min(map(loss, fitting)))
    assert chosen["a"] > chosen["b"]


def test_a_budget_below_the_fewest_bits_is_refused():
    with pytest.raises(ValueError, match="even the fewest bits"):
        mixed_bits(TABLE, 1.5)
