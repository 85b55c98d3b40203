"""Masks, gradients and heads of small models, against PyTorch, hand calculation and theory."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from brnb.algorithms import sparse_masks
from brnb.evaluate.attention_costs import Cost, costs, crossover
from brnb.evaluate.gradient_paths import (
    reach,
    spaced_windows,
    spectral_norm,
    spectral_radius,
    state_products,
)
from brnb.evaluate.heads import heads, steepness
from brnb.evaluate.masked import Masked, attention_matrices, qualities
from brnb.models.recurrent import RecurrentLM
from brnb.models.transformer import TransformerLM
from brnb.train.rows import TokenRow

SIZES = {"vocab_size": 30, "width": 16, "layers": 2, "heads": 4, "context": 32, "hidden": 32}
T = 24


@pytest.fixture(params=[4, 2], ids=["multi-head", "grouped"])
def model(request):
    torch.manual_seed(0)
    model = TransformerLM(**SIZES, kv_heads=request.param, position="rope", bias=False).eval()
    for weight in model.parameters():
        weight.data *= 8
    return model


@pytest.fixture
def ids():
    return torch.randint(30, (3, T), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_causal_mask_changes_nothing_and_a_window_hides_what_is_far(model, ids):
    plain = model(ids)[0]
    with Masked(sparse_masks.dense(sparse_masks.causal, 32)):
        torch.testing.assert_close(model(ids)[0], plain)
    window = sparse_masks.dense(sparse_masks.causally(sparse_masks.sliding_window(8)), 32)
    changed = ids.clone()
    changed[:, 0] = (ids[:, 0] + 1) % 30
    with Masked(window):  # two layers of four tokens back: token 0 reaches token 8
        before, after = model(ids)[0], model(changed)[0]
    torch.testing.assert_close(before[:, 9:], after[:, 9:])
    assert not torch.allclose(before[:, 8], after[:, 8])


def row(ids, bytes_each):
    return TokenRow(ids, len(bytes_each), np.array(bytes_each, dtype=np.uint32))


def test_quality_of_masks(model):
    drawn = np.random.default_rng(0).integers(1, 30, 200)
    drawn[[59, 99, 149, 199]] = 0
    masks = {"all": sparse_masks.full, "self": sparse_masks.sliding_window(0)}
    found = qualities(model, row(drawn, [60, 40, 50, 50]), T, 0, masks, 100, 0, 0.95)
    assert found["all"].share == pytest.approx(1, abs=1e-6)
    assert found["all"].seen == 1
    assert found["self"].seen == pytest.approx(T / (T * (T + 1) / 2))
    assert found["self"].low <= found["self"].share <= found["self"].high


def test_attention_matrices_are_the_models(model, ids):
    """Against a head computed by hand from the first block's maps."""
    scores, weights = attention_matrices(model, ids)[0]
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, T))
    assert weights.triu(1).abs().max() == 0
    block = model.blocks[0]
    normed = block.attention_norm(model.embedding(ids))
    k = block.attention.key(normed).unflatten(-1, (-1, 4))[:, 0, 0]
    q = block.attention.query(normed).unflatten(-1, (-1, 4))[:, 0, 0]
    torch.testing.assert_close(scores[:, 0, 0, 0], (q * k).sum(-1) / 2)  # position 0 is not turned


def test_heads_that_look_everywhere_alike():
    torch.manual_seed(0)
    model = TransformerLM(**SIZES, kv_heads=4, position="rope", bias=False).eval()
    for block in model.blocks:
        block.attention.query.weight.data.zero_()
    found = heads(model, torch.randint(30, (2, T)))[0]
    assert found.distance == pytest.approx(found.uniform_distance, rel=1e-5)
    assert found.uniform_distance == pytest.approx(sum(i / 2 for i in range(T)) / T)
    assert found.sparsity == found.uniform_sparsity == 0
    assert found.score_rank == 0
    assert found.weight_rank == T


def test_steepness_is_the_spectral_norm_of_the_jacobian(model):
    x, T = torch.randn(1, 5, 16), 5
    attention = model.blocks[1].attention
    rotation = (model.cos[:T], model.sin[:T])

    def attend(x):
        return attention(x, torch.zeros(1, T, dtype=torch.long), rotation, ())[0]

    jacobian = torch.autograd.functional.jacobian(attend, x).reshape(80, 80)
    exact = torch.linalg.matrix_norm(jacobian, 2).item()
    assert steepness(model, 1, x, iterations=60) == pytest.approx(exact, rel=0.02)


class Fading(nn.Module):
    """Logits of the sum of embeddings, each half as heavy as the one after it."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(30, 8), nn.Linear(8, 30)

    def forward(self, ids):
        back = torch.arange(ids.shape[1]).flip(0)
        x = self.embedding(ids) * 0.5 ** back[:, None]
        return self.head(x.cumsum(1)), ()


def test_gradients_that_halve_every_token():
    texts = spaced_windows(np.arange(100) % 30, 12, 4)
    found = reach(Fading(), texts)
    np.testing.assert_allclose(found.norms[1:] / found.norms[:-1], 0.5, rtol=1e-4)
    assert found.decay == pytest.approx(0.5, rel=1e-4)
    assert found.half == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_jacobians_of_the_state_are_autograds(cell):
    torch.manual_seed(0)
    model = RecurrentLM(30, 4, 2, 3, cell).eval()
    text = torch.randint(30, (9,))
    state = model.hidden(text[None, :-3])[1]
    state = tuple(part.detach() for part in state)
    size = sum(part.numel() for part in state)

    def after(*state):
        new = model.hidden(text[None, -3:], state)[1]
        return torch.cat([part.flatten() for part in new])

    rows = torch.autograd.functional.jacobian(after, state)
    whole = torch.cat([part.reshape(size, -1) for part in rows], dim=1)
    one, three = state_products(model, text, [1, 3])
    assert three.product == pytest.approx(torch.linalg.matrix_norm(whole, 2).item(), rel=1e-3)
    assert one.product == pytest.approx(one.by_norm)
    assert three.product <= three.by_norm * 1.001
    assert one.by_eigenvalue <= one.by_norm


@pytest.mark.parametrize("size", [1, 5, 40])
def test_spectral_radius_and_norm_are_lapacks(size):
    matrix = torch.randn(size, size, generator=torch.Generator().manual_seed(size))
    eigenvalues, values = torch.linalg.eigvals(matrix), torch.linalg.svdvals(matrix)
    assert spectral_radius(matrix) == pytest.approx(eigenvalues.abs().max().item(), rel=1e-3)
    assert spectral_norm(matrix) == pytest.approx(values[0].item(), rel=1e-3)
    assert spectral_radius(matrix.mT @ matrix) == pytest.approx(values[0].item() ** 2, rel=1e-3)


def test_costs_count_what_the_masks_leave():
    table = costs(
        [64, 128], 16, 2, lambda n: {"window": sparse_masks.sliding_window(32)}, 16,
        torch.device("cpu"),
    )  # fmt: skip
    assert [(cost.kind, cost.n) for cost in table[:4]] == [
        ("naive", 64), ("flash", 64), ("window", 64), ("linear", 64)
    ]  # fmt: skip
    held = {(cost.kind, cost.n): cost.bytes for cost in table}
    assert held["naive", 128] > 2 * 4 * 2 * 128**2  # two matrices of two heads at least
    assert held["window", 128] < held["naive", 128]
    assert held["linear", 128] == 4 * 128 * 12 * 16


def test_where_two_costs_cross():
    """Attention n² and maps 12 n: they cross at 12, between 8 and 16 measured."""
    table = [Cost("naive", n, n**2, 0) for n in (4, 8, 16)]
    table += [Cost("linear", n, 12 * n, 0) for n in (4, 8, 16)]
    assert crossover(table, "naive") == pytest.approx(12)
    assert crossover(table[:2] + table[3:5], "naive") is None


def test_scaling_keeps_the_variance_of_scores_at_one():
    """Eq. A.4-A.5 by Monte-Carlo: variance d_k, and 1 once divided by sqrt(d_k)."""
    q, k = torch.randn(2, 20_000, 64, generator=torch.Generator().manual_seed(0))
    products = (q * k).sum(-1)
    assert products.mean().item() == pytest.approx(0, abs=5 * math.sqrt(64 / 20_000))
    assert products.var().item() == pytest.approx(64, rel=0.05)
