"""Experts of a mixture: every engine against plain autograd, and rows sorted into tiles."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.ops import experts, sorting

T, D, HIDDEN, E, K = 37, 32, 48, 5, 2
engines = pytest.mark.parametrize("engine", experts.ENGINES)


def inputs(dtype=torch.float64):
    """Leaves, and choices that leave the fourth expert without a token."""
    torch.manual_seed(1)
    shapes = (T, D), (E, 2 * HIDDEN, D), (E, D, HIDDEN)
    leaves = [torch.randn(shape, dtype=torch.float64).to(dtype) for shape in shapes]
    leaves.append(torch.rand(T, K, dtype=torch.float64).to(dtype))
    first = torch.randint(0, 3, (T,))
    chosen = torch.stack((first, torch.where(first == 1, 4, first + 1)), 1)
    return [leaf.requires_grad_() for leaf in leaves], chosen


def token_by_token(x, gate_up, down, chosen, weights):
    """The formula, one token and one expert at a time."""
    rows = []
    for token, experts_of, weights_of in zip(x, chosen, weights, strict=True):
        parts = []
        for expert, weight in zip(experts_of, weights_of, strict=True):
            gate, up = (gate_up[expert] @ token).split(HIDDEN)
            parts.append(weight * (down[expert] @ (F.silu(gate) * up)))
        rows.append(sum(parts))
    return torch.stack(rows)


@engines
def test_every_engine_computes_the_formula_and_its_gradients(engine):
    leaves, chosen = inputs()
    expected = token_by_token(*leaves[:3], chosen, leaves[3])
    gradients = torch.autograd.grad(expected.square().sum(), leaves)
    leaves, chosen = inputs(torch.float32)
    found = experts.ENGINES[engine](*leaves[:3], chosen, leaves[3])
    for got, true in zip(
        (found, *torch.autograd.grad(found.square().sum(), leaves)),
        (expected, *gradients),
        strict=True,
    ):
        assert got.shape == true.shape
        assert float((got - true).detach().norm() / true.detach().norm()) < 1e-6


def test_the_operations_are_what_a_compiler_takes_them_for():
    leaves, chosen = inputs(torch.float32)
    layout = sorting.laid_out(chosen, E, 16)
    checks = "test_schema", "test_faketensor", "test_autograd_registration"
    torch.library.opcheck(sorting.laid_out, (chosen, E, 16), test_utils=checks)
    torch.library.opcheck(experts.experts, (*leaves, *layout, True), test_utils=checks)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.sampled_from(sorting.BLOCKS))
def test_every_row_stands_once_in_a_tile_of_its_expert(choices, block):
    chosen = torch.tensor(choices)[:, None]
    layout = sorting.Layout(*sorting.laid_out(chosen, 7, block))
    assert layout.block == block
    rows = layout.row_of.long()
    assert layout.source[rows].tolist() == list(range(len(choices)))
    assert int((layout.source >= 0).sum()) == len(choices)
    assert layout.tiles[rows // block].tolist() == choices
    for expert, part in enumerate(layout.parts()):
        there = layout.source[part]
        assert len(there) % block == 0
        there = there[there >= 0].tolist()
        assert there == [n for n, choice in enumerate(choices) if choice == expert]  # in order
    assert int(layout.starts[-1]) == int((layout.tiles >= 0).sum()) * block


def test_tiles_are_as_large_as_experts_fill():
    for tokens, block in ((8, 16), (16 * 4, 16), (100, 64), (10_000, 128)):
        chosen = torch.arange(tokens)[:, None] % 4
        assert sorting.sort_by_expert(chosen, 4).block == block


def test_a_cpu_takes_the_loop():
    assert experts.engine_for(torch.zeros(3, 64), 64) == "loop"
