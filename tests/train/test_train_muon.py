"""Muon against PyTorch's own, number for number."""

import pytest
import torch
from torch import nn

from brnb.train.muon import Muon, orthogonal

SHAPES = [(32, 32), (64, 32), (32, 64), (32, 32), (16, 48)]


def twins():
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in SHAPES]
    return [nn.Parameter(x.clone()) for x in start], [nn.Parameter(x.clone()) for x in start]


def test_updates_are_those_of_torch():
    ours, theirs = twins()
    options = {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1}
    optimizers = (
        Muon(ours, **options),
        torch.optim.Muon(theirs, **options, adjust_lr_fn="match_rms_adamw"),
    )
    for step in range(6):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            generator = torch.Generator().manual_seed(100 * step + i)
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for a, b, start in zip(ours, theirs, twins()[0], strict=True):
        assert (b - start).abs().max() > 0.02
        torch.testing.assert_close(a, b, rtol=0, atol=2e-4)  # bf16 sums in another order


def test_a_matrix_without_gradient_stays_and_leaves_the_others_their_place():
    ours, theirs = twins()
    optimizers = (
        Muon(ours, lr=1e-2),
        torch.optim.Muon(theirs, lr=1e-2, adjust_lr_fn="match_rms_adamw"),
    )
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        a.grad = torch.randn(a.shape, generator=torch.Generator().manual_seed(1))
        b.grad = a.grad.clone()
    for optimizer in optimizers:
        optimizer.step()
    assert torch.equal(ours[0], twins()[0][0])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-4)


def test_normuon_is_the_paper_s_algorithm_one_matrix_at_a_time():
    ours, theirs = twins()
    optimizer = Muon(ours, lr=1e-2, momentum=0.9, weight_decay=0.1, normalise=True)
    means = [torch.zeros_like(x) for x in theirs]
    squares = [torch.zeros(1) for _ in theirs]
    for step in range(4):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            generator = torch.Generator().manual_seed(100 * step + i)
            a.grad = torch.randn(a.shape, generator=generator)
            means[i] = 0.9 * means[i] + 0.1 * a.grad
            o = 0.9 * means[i] + 0.1 * a.grad  # Nesterov
            tall = o.shape[0] >= o.shape[1]
            o = orthogonal((o if o.shape[0] <= o.shape[1] else o.T)[None].bfloat16())[0].float()
            o = o if o.shape == b.shape else o.T
            found = o.pow(2).mean(1 if tall else 0, keepdim=True)
            squares[i] = 0.95 * squares[i] + 0.05 * found
            even = o / squares[i].sqrt()
            even *= 0.2 * (max(o.shape) ** 0.5) * o.norm() / even.norm()
            b.data = b.data * (1 - 1e-2 * 0.1) - 1e-2 * even
        optimizer.step()
    for a, b, start in zip(ours, theirs, twins()[0], strict=True):
        assert (b - start).abs().max() > 0.02
        torch.testing.assert_close(a, b, rtol=0, atol=2e-4)


def test_normuon_moves_all_neurons_alike():
    weight = nn.Parameter(torch.zeros(64, 16))
    optimizer = Muon([weight], lr=1.0, weight_decay=0.0, normalise=True)
    generator = torch.Generator().manual_seed(3)
    weight.grad = torch.randn(64, 16, generator=generator) * torch.logspace(0, -3, 64)[:, None]
    optimizer.step()
    rows = weight.detach().norm(dim=1)
    torch.testing.assert_close(rows, rows.mean().expand(64))


def test_orthogonal_keeps_singular_vectors_and_levels_singular_values():
    x = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    assert s.min() < 0.5 * s.max()
    levelled = u.mT @ orthogonal(x) @ vt.mT
    values = torch.diagonal(levelled, dim1=1, dim2=2)
    assert ((values > 0.65) & (values < 1.25)).all()  # Jordan: about 0.7 to 1.2
    torch.testing.assert_close(levelled, torch.diag_embed(values))


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"not for a parameter of shape \(4,\)"):
        Muon([nn.Parameter(torch.ones(4))], lr=1e-2)
