"""The kernels of a mixture's experts against their exact definition in PyTorch, on a GPU.

`tests/ops/test_ops_experts.py` holds the definition against plain autograd. Needs pytest and torch:
`make test-gpu`, or with `--noconftest` where the rest of the project is not installed.
"""

import pytest
import torch

from brnb.ops import experts, sorting

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] != 9,
    reason="these kernels are for Hopper GPUs: make test-gpu runs them there",
)
# T, d, f, E, k: tiles of 16, 64 and 128 rows; experts without a token; many experts; one token.
SHAPES = [
    (16, 256, 128, 8, 2),
    (1, 128, 64, 4, 2),
    (200, 192, 320, 8, 2),
    (700, 128, 192, 64, 4),
    (1500, 512, 704, 8, 2),
    (3000, 320, 128, 5, 1),
]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def chosen_by(tokens, count, top_k):
    """Which experts tokens choose; nobody chooses the second, and many the first."""
    liking = torch.rand(tokens, count, generator=torch.Generator().manual_seed(tokens))
    liking[:, 1], liking[: tokens // 2, 0] = -1, 2
    return liking.topk(top_k).indices


def leaves(tokens, width, hidden, count, top_k):
    """x, gate_up, down, in numbers that bf16 holds, and the weights."""
    torch.manual_seed(hidden)
    parts = (
        torch.randn(tokens, width),
        torch.randn(count, 2 * hidden, width) / width**0.5,
        torch.randn(count, width, hidden) / hidden**0.5,
    )
    rounded = [part.bfloat16() for part in parts]
    return [*rounded, torch.rand(tokens, top_k)]


def computed(engine, parts, chosen, d):
    """Result and gradients."""
    parts = [part.detach().requires_grad_() for part in parts]
    y = engine(*parts[:3], chosen, parts[3])
    return [y.detach(), *torch.autograd.grad(y, parts, d)]


@shapes
def test_rows_are_laid_out_as_the_definition_says(shape):
    tokens, _, _, count, top_k = shape
    chosen = chosen_by(tokens, count, top_k)
    for block in sorting.BLOCKS:
        laid_out = sorting.laid_out(chosen.cuda(), count, block)
        for part, expected in zip(laid_out, sorting.laid_out(chosen, count, block), strict=True):
            assert torch.equal(part.cpu(), expected)


@shapes
def test_experts_and_their_gradients_are_those_of_the_definition(shape):
    tokens, width, _, count, top_k = shape
    chosen, parts = chosen_by(tokens, count, top_k), leaves(*shape)
    d = torch.randn(tokens, width, generator=torch.Generator().manual_seed(0)).bfloat16()
    on_gpu = computed(experts.fused, [part.cuda() for part in parts], chosen.cuda(), d.cuda())
    exact = computed(experts.loop, [part.double() for part in parts], chosen, d.double())
    for value, expected in zip(on_gpu, exact, strict=True):
        assert value.shape == expected.shape
        distance = (value.double().cpu() - expected).norm() / expected.norm()
        assert distance < 0.01  # roundings to bf16, of 0.2 to 0.4%, three times


def test_the_same_bits_every_time():
    shape = SHAPES[4]
    chosen, parts = chosen_by(shape[0], *shape[3:]).cuda(), [p.cuda() for p in leaves(*shape)]
    d = torch.randn(shape[:2], device="cuda", dtype=torch.bfloat16)
    first, second = (computed(experts.fused, parts, chosen, d) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
