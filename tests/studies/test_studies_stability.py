"""The sweep of learning rates: what it measures, and what it makes of it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from model_forms import build, ids_for
from model_kinds import BASE
from test_studies_architectures import ROWS, params

from brnb.studies.stability import largest_score, sensitivity, stability, unigram_loss


def test_the_sweep_is_a_row_a_training_and_is_read_back(tmp_path):
    sweep = stability(params(), ROWS, tmp_path)
    assert sweep[["form", "learning_rate"]].values.tolist() == [
        ["without", 1e-3], ["without", 0.5], ["with", 1e-3], ["with", 0.5],
    ]  # fmt: skip
    assert set(sweep["seed"]) == {3}
    assert np.allclose(sweep["start"].astype(float), math.log(19))
    assert (sweep["largest_score"].astype(float) > 0).all()
    again = stability(params(), ROWS, tmp_path)
    pd.testing.assert_frame_equal(again, sweep)


@pytest.mark.parametrize("kind", [{}, {"kv_heads": 2}, {"qk_norm": "l2"}])
@torch.no_grad()
def test_the_largest_score_is_that_of_the_softmax(kind):
    model = build(**BASE | {"layers": 1, "position": "learned"} | kind)
    ids = ids_for(model)
    attention, x = model.blocks[0].attention, model.blocks[0].attention_norm(model.embed(ids, 0))
    q, k = (m(x).unflatten(-1, (-1, 6)) for m in (attention.query, attention.key))
    if kind.get("qk_norm"):
        q, k = (part / part.norm(dim=-1, keepdim=True) for part in (q, k))
    scores = [
        abs(float(q[b, i, h] @ k[b, j, h * k.shape[2] // 4]))
        for b in range(2) for h in range(4) for i in range(12) for j in range(i + 1)
    ]  # fmt: skip
    scale = 1 if kind.get("qk_norm") else math.sqrt(6)
    assert largest_score(model, ids) == pytest.approx(max(scores) / scale, rel=1e-5)


def test_the_largest_score_of_unit_queries_and_keys_is_below_their_cap():
    model = build(**BASE | {"qk_norm": True})
    assert largest_score(model, ids_for(model)) <= math.sqrt(6)


def test_unigram_loss_by_hand():
    # counts 2, 1, 0, one more each: 3/6, 2/6, 1/6; the first token is given
    loss = unigram_loss(np.array([0, 0, 1]), np.array([0, 1, 2, 0]), 3)
    assert loss == pytest.approx((math.log(3) + math.log(6) + math.log(2)) / 3)


def test_sensitivity_by_hand():
    nothing = {"seed": 0, "start": 4.0, "unigram": 3.0}
    sweep = pd.DataFrame(
        [
            nothing | {"form": form, "learning_rate": rate, "loss": loss, "largest_score": score}
            | {"diverged": loss is None or loss > 3}
            for form, rate, loss, score in [
                ("without", 0.1, 2.0, 5.0), ("without", 0.2, 9.0, 80.0),
                ("without", 0.4, None, None),
                ("with", 0.1, 2.5, 3.0), ("with", 0.2, 1.5, 4.0), ("with", 0.4, 2.0, 5.0),
            ]
        ],
        dtype=object,
    )  # fmt: skip
    without, with_norm = sensitivity(sweep).to_dict("records")
    assert without["form"] == "without"
    assert (without["best_rate"], without["best_loss"]) == (0.1, 2.0)
    assert without["sensitivity"] == pytest.approx((0 + 2 + 2) / 3)  # clipped at 4
    assert (without["highest_stable_rate"], without["diverged"]) == (0.1, 2)
    assert without["largest_score"] == 80.0
    assert with_norm["sensitivity"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert (with_norm["highest_stable_rate"], with_norm["diverged"]) == (0.4, 0)
