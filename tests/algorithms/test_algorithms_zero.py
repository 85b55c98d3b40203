"""Algorithm 15: weights against plain Adam, memory and messages against what has to be sent."""

import pytest
import torch
import torch.nn.functional as F
from four_processes import LR, SIZE, batches, layers
from torch import nn

from brnb.algorithms.zero import Zero

SIZES = [6 * 9 + 9, 9 * 9 + 9, 9 * 9 + 9, 9 * 3 + 3]
PADDED = sum(-(-size // SIZE) * SIZE for size in SIZES)  # M, with what makes four divide it


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_every_stage_trains_as_adam_alone(four, stage):
    parts = layers()
    model = nn.Sequential(*parts)
    optimizer = torch.optim.Adam(model.parameters(), LR)
    for x, y in batches():
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()
    expected = [torch.cat([w.detach().flatten() for w in part.parameters()]) for part in parts]
    for found in four:
        for ours, theirs in zip(found["zero"][stage][0], expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("stage", "whole", "shared"),
    [(1, 8, 8), (2, 4, 12), (3, 0, 16)],  # bytes a weight; B.88 forgets stage 1's gradients
)
def test_memory(four, stage, whole, shared):
    for found in four:
        assert found["zero"][stage][1] == whole * PADDED + shared * PADDED / SIZE


@pytest.mark.parametrize(("stage", "passes"), [(1, 2), (2, 2), (3, 3)])
def test_messages(four, stage, passes):
    """Stages 1 and 2 send what an all-reduce does; 3 half as much again, where B.93 prints twice.

    A pass, of gathering or of reducing, is (P - 1)/P of the weights, 4 bytes each.
    """
    for found in four:
        assert found["zero"][stage][2] == passes * 4 * PADDED * (SIZE - 1) / SIZE


def test_another_stage_is_refused():
    with pytest.raises(ValueError, match="stage = 4"):
        Zero([], F.mse_loss, LR, 4, None)
