"""GPTQ against the update that it reformulates: optimal brain quantisation in a fixed order."""

import numpy as np
import pytest
import torch

from brnb.compress.gptq import DAMPING, gptq
from brnb.compress.grids import affine_grid

random = np.random.default_rng(3)
INPUTS = random.normal(size=(200, 16)) @ random.normal(size=(16, 16))
WEIGHT = random.normal(size=(5, 16))


def one_by_one(weight, moments, bits):
    """Frantar et al. (2022), Eqs. 2 and 3: round a column, correct all later ones by the inverse
    Hessian, and take the column out of the inverse by Gaussian elimination."""
    work, grid = weight.copy(), affine_grid(torch.from_numpy(weight), bits, weight.shape[1])
    inverse = np.linalg.inv(moments + DAMPING * np.diag(moments).mean() * np.eye(len(moments)))
    result = np.empty_like(work)
    for j in range(work.shape[1]):
        column = torch.from_numpy(work[:, j : j + 1].copy())
        result[:, j] = grid.restore(grid.codes(column), torch.float64)[:, 0].numpy()
        share = inverse[j] / inverse[j, j]
        work -= np.outer(work[:, j] - result[:, j], share)
        inverse -= np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
    return result


def loss(rounded):
    return np.square(INPUTS @ (rounded - WEIGHT).T).sum()


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_it_is_the_column_by_column_update(bits):
    moments = INPUTS.T @ INPUTS
    codes, grid = gptq(torch.from_numpy(WEIGHT), torch.from_numpy(moments), bits, 16)
    ours = grid.restore(codes, torch.float64).numpy()
    np.testing.assert_allclose(ours, one_by_one(WEIGHT, moments, bits), rtol=1e-6)


def test_it_loses_less_than_rounding_on_inputs_that_depend_on_each_other():
    moments = torch.from_numpy(INPUTS.T @ INPUTS)
    codes, grid = gptq(torch.from_numpy(WEIGHT), moments, 3, 8)
    nearest = affine_grid(torch.from_numpy(WEIGHT), 3, 8)
    plain = nearest.restore(nearest.codes(torch.from_numpy(WEIGHT).float())).double().numpy()
    assert loss(grid.restore(codes, torch.float64).numpy()) < 0.7 * loss(plain)


def test_inputs_that_say_nothing_leave_rounding_as_it_is():
    codes, _ = gptq(torch.from_numpy(WEIGHT), torch.zeros(16, 16), 4, 16)
    nearest = affine_grid(torch.from_numpy(WEIGHT), 4, 16)
    assert torch.equal(codes, nearest.codes(torch.from_numpy(WEIGHT)))
