"""Calibrated rounding: each column's error is made good by the columns after it (GPTQ)."""

import torch
from torch import Tensor

from brnb.compress.grids import Grid, affine_grid, require_divisor

DAMPING = 0.01  # of the mean of the Hessian's diagonal, added to it


def gptq(weight: Tensor, moments: Tensor, bits: int, group: int) -> tuple[Tensor, Grid]:
    """Codes of a matrix that lose least of its products with what it usually reads.

    Frantar et al. (2022), Algorithm 1, with one column a block. Groups are fitted to the weights as
    the columns before have left them.

    Parameters
    ----------
    weight
        (N, K).
    moments
        Sum of x xᵀ over inputs x, (K, K): half the Hessian of the squared error of a row.
    bits, group
        As for `affine_grid`.

    Returns
    -------
    codes, grid
        uint8 (N, K), and what they stand for.
    """
    require_divisor(group, weight.shape[1])
    work = weight.detach().double().clone()
    inverse = _inverse_factor(moments)
    codes, grids = torch.empty(work.shape, dtype=torch.uint8, device=work.device), []
    for j in range(work.shape[1]):
        if j % group == 0:
            grids.append(affine_grid(work[:, j : j + group], bits, group))
        column = work[:, j : j + 1]
        codes[:, j : j + 1] = grids[-1].codes(column)
        error = (column - grids[-1].restore(codes[:, j : j + 1], torch.float64)) / inverse[j, j]
        work[:, j + 1 :] -= error * inverse[j, j + 1 :]
    scale, zero = (torch.cat([getattr(g, name) for g in grids], 1) for name in ("scale", "zero"))
    return codes, Grid(scale, zero, bits)


def _inverse_factor(moments: Tensor) -> Tensor:
    """Upper Cholesky factor of the inverse of the damped Hessian."""
    hessian = moments.double().clone()
    diagonal = hessian.diagonal()
    diagonal += DAMPING * diagonal.mean().clamp_min(1e-12)
    lower = torch.linalg.cholesky(hessian)
    return torch.linalg.cholesky(torch.cholesky_inverse(lower), upper=True)
