"""Ablations: the trainings are those of the loop, the statistics those of the tables."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_study import ROWS, TRAINING

from brnb.evaluate.intrinsic import bits_per_nat, evaluate
from brnb.evaluate.statistics import student_interval
from brnb.models.transformer import TransformerLM
from brnb.params import ParameterError, validate
from brnb.studies.ablation import AblationRow, ablate_recipe, race, worth
from brnb.studies.params import AblationParams
from brnb.train.history import History
from brnb.train.loop import train

RECIPE = TRAINING | {
    "run_id": "v7", "tokens": 960, "evaluate_every": 10, "kv_heads": 1, "hidden": 24,
    "mlp": "relu2", "tied": False, "qk_norm": True, "zero_init": True, "embedding_std": 1.0,
    "value_embeddings": True, "attention_gate": True, "input_skip": True, "softcap": 15.0,
    "optimizer": "normuon", "matrix_learning_rate": 1e-2,
    "embedding_learning_rate": 1e-1, "schedule": "trapezoid", "cooldown": 0.5,
    "contest": {
        "candidates": {"baseline": [{}], "challenger": [{}]}, "tuning_tokens": 48, "tokens": 96,
        "seeds": 2, "documents": 2,
    },
    "unseen": "sample", "unseen_documents": 2,
    "baseline": "v6", "ablation_seeds": 3, "ablation_tokens": 120, "ablation_documents": 2,
    "ablation": {"muon": {"optimizer": "adamw"}, "value_embeddings": {"value_embeddings": False}},
}  # fmt: skip


def params(**change):
    return validate(AblationParams, RECIPE | change)


def test_every_row_is_the_training_that_it_names(tmp_path):
    p = params()
    whole, muon, embeddings = ablate_recipe(p, ROWS, tmp_path)
    assert [r.ingredient for r in (whole, muon, embeddings)] == [None, "muon", "value_embeddings"]
    assert whole.parameters == muon.parameters
    assert whole.parameters - embeddings.parameters == 19 * 8 + 2  # one table and its mix
    told = p.recipe.model_copy(
        update={"tokens": 120, "evaluate_every": 5, "seed": 4, "optimizer": "adamw"}
    )
    torch.manual_seed(4)
    model = TransformerLM(**told.choices(19))
    train(model, ROWS.train.ids, ROWS.validation.ids, told, tmp_path / "own", "data")
    expected = evaluate(model, ROWS.validation, told.seq_len).bits_per_byte
    assert muon.bits_per_byte[1] == pytest.approx(expected, abs=1e-12)
    assert len({*whole.bits_per_byte, *muon.bits_per_byte, *embeddings.bits_per_byte}) == 9


def test_finished_trainings_are_read_back_and_leave_no_checkpoint(tmp_path):
    short = params(ablation={})
    found = list(ablate_recipe(short, ROWS, tmp_path))
    notes = sorted(tmp_path.iterdir())
    assert [note.suffix for note in notes] == [".json"] * 3
    assert len(found) == 1
    for note in notes:
        note.write_text(json.dumps({"parameters": 1, "bits_per_byte": 2.0}))
    again = list(ablate_recipe(short, ROWS, tmp_path))
    assert [r.bits_per_byte for r in again] == [(2.0, 2.0, 2.0)]
    other = ablate_recipe(short, replace(ROWS, identity="other"), tmp_path)
    assert [r.bits_per_byte for r in other] == [r.bits_per_byte for r in found]


def test_rows_come_as_they_are_done(tmp_path):
    rows = ablate_recipe(params(), ROWS, tmp_path)
    assert next(rows).ingredient is None
    assert len(list(tmp_path.iterdir())) == 3  # the three seeds of the whole recipe, and no more


def test_what_removes_an_ingredient_is_checked_before_anything_runs():
    with pytest.raises(ParameterError, match=r"ablation of mlp: 1 problem.*\n.*mpl: unknown"):
        params(ablation={"mlp": {"mpl": "gelu"}})
    with pytest.raises(ParameterError, match="width = 18: it must be a multiple of 2"):
        params(ablation={"width": {"width": 18}})


@pytest.mark.parametrize(
    ("count", "confidence", "quantile"),
    [(2, 0.95, 12.706), (3, 0.95, 4.303), (3, 0.99, 9.925), (5, 0.95, 2.776), (31, 0.9, 1.697)],
)  # from any printed table of Student's distribution
def test_student_interval_has_the_quantiles_of_the_tables(count, confidence, quantile):
    values = np.random.default_rng(0).normal(size=count)
    mean, low, high = student_interval(values, confidence)
    error = np.std(values, ddof=1) / math.sqrt(count)
    assert mean == pytest.approx(values.mean())
    assert (high - mean) / error == pytest.approx(quantile, abs=6e-4)
    assert mean - low == pytest.approx(high - mean)


def test_worth_compares_seed_by_seed():
    # differences 0.1, 0.2, 0.3: mean 0.2, deviation 0.1, reach 4.3027 * 0.1 / sqrt(3) = 0.2484
    rows = [
        AblationRow(None, 9, (1.0, 2.0, 3.0)),
        AblationRow("a", 9, (1.1, 2.2, 3.3)),
        AblationRow("b", 9, (2, 3, 4.01)),
    ]
    whole, a, b = worth(rows)
    assert (whole.mean, whole.deviation, whole.change) == (2.0, 1.0, 0.0)
    assert (a.change, a.low, a.high) == pytest.approx((0.2, -0.0484, 0.4484), abs=1e-4)
    assert (whole.helps, a.helps, b.helps) == (None, None, True)


def test_bits_per_nat_is_what_evaluation_divides_by():
    model = TransformerLM(**params().recipe.choices(19))
    found = evaluate(model, ROWS.validation, 8)
    assert found.loss * bits_per_nat(ROWS.validation) == pytest.approx(found.bits_per_byte)


def points(*losses):
    rows = [{"step": i, "tokens": 100 * i, "loss": x} for i, x in enumerate(losses, 1)]
    return History(validation=rows)


def baseline(history, **change):
    told = {"tokenizer": "none", "cleaning": "v6", "validation_documents": 2, "seq_len": 8}
    return SimpleNamespace(run="v6", params=told | change, history=history)


def test_the_race_counts_tokens_to_the_best_of_the_baseline():
    old = baseline(points(4.0, 3.5, 3.0, 2.5, 2.0, 2.25))  # best at 500 tokens
    won = race(old, params(), points(3.0, 2.0, 1.5), scale=0.5)
    assert (won.target, won.baseline_tokens, won.tokens, won.best) == (1.0, 500, 200, 0.75)
    assert won.share == 0.4
    lost = race(old, params(), points(3.0, 2.125), scale=0.5)
    assert (lost.tokens, lost.share, lost.best) == (None, None, 1.0625)


@pytest.mark.parametrize("name", ["tokenizer", "cleaning", "validation_documents", "seq_len"])
def test_runs_evaluated_in_other_ways_do_not_race(name):
    with pytest.raises(ValueError, match=f"{name} is 'x' in v6 and .* in v7"):
        race(baseline(points(1.0), **{name: "x"}), params(), points(1.0), scale=1.0)


def test_a_baseline_without_a_curve_is_named():
    with pytest.raises(ValueError, match="v6 left no validation curve"):
        race(baseline(History()), params(), points(1.0), scale=1.0)
