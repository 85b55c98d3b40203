"""What is shown of norms: the equality in every precision, and the caps against the softmax."""

import math

import pytest
import torch
import torch.nn.functional as F

from brnb.algorithms.norms import qk_norm_attention
from brnb.studies.norms import attention_caps, largest_weight, rmsnorm_equality


def test_rmsnorm_is_equal_up_to_rounding_but_in_bf16():
    table = rmsnorm_equality().set_index("dtype")
    for dtype in ("float64", "float32"):
        apart = table.loc[dtype, ["output", "input", "gain"]]
        assert (apart <= 200 * table.loc[dtype, "rounding"]).all()
    assert table.loc["bfloat16", "output"] > table.loc["bfloat16", "rounding"]


@pytest.mark.parametrize("length", [1, 2, 16, 300])
def test_the_cap_is_what_a_softmax_of_the_most_different_cosines_gives(length):
    q = torch.zeros(1, 4, dtype=torch.float64)
    q[0, 0] = 5.0
    k = (-q).repeat(length, 1)
    k[0] = 7 * q[0]
    v = torch.zeros(length, 1, dtype=torch.float64)
    v[0] = 1.0
    assert qk_norm_attention(q, k, v).item() == pytest.approx(largest_weight(1.0, length))


def test_caps_of_the_three_forms():
    table = attention_caps([2, 128], head_dim=64).set_index(["form", "length"])
    assert table.loc[("l2", 2), "largest_weight"] == pytest.approx(1 / (1 + math.exp(-2)))
    scores = torch.full((128,), -8.0, dtype=torch.float64)  # sqrt(64)
    scores[0] = 8.0
    assert table.loc[("unit", 128), "largest_weight"] == pytest.approx(F.softmax(scores, 0)[0])
    assert table.loc[("unit", 128), "largest_score"] == 8.0
    assert table.loc[("learnt", 128), "largest_weight"] == 1.0
