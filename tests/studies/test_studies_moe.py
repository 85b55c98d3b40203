"""Mixtures beside their dense equals, what their experts do, and what they cost."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from scipy.stats import ttest_1samp
from tiny_training import COMMON, LLAMA, VOCABULARY, row

from brnb.evaluate.intrinsic import evaluate
from brnb.models.moe import mixtures, parameter_counts, token_training_flops
from brnb.models.transformer import TransformerLM
from brnb.studies import moe_cost, moe_routing
from brnb.studies.moe_pairs import comparison_frame, fair_forms, quality_frame, train_forms
from brnb.train.params import MoEParams
from brnb.train.rows import Rows, TokenRow

MIXTURE = {
    "dense": False, "experts": 4, "top_k": 2, "router": "softmax", "shared_hidden": 8,
    "groups": 1, "top_groups": 1, "balance_loss": 0.01, "bias_rate": 0.0, "hidden": 16,
    "dropout": 0.0, "tokens": 192, "log_every": 6, "evaluate_every": 6,
}  # fmt: skip
PARAMS = MoEParams(**COMMON | LLAMA | MIXTURE)


class Letters:
    """A tokenizer of one id a letter."""

    vocab_size = VOCABULARY

    def encode(self, text):
        return [ord(letter) % VOCABULARY for letter in text]


def token_row(length, seed):
    return TokenRow(row(length, seed), 2, np.array([length, length], dtype=np.uint32))


ROWS = Rows(Letters(), token_row(400, 0), token_row(90, 1), "data")


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    return train_forms(PARAMS, ROWS, 2, tmp_path_factory.mktemp("moe"))


def test_rivals_have_the_active_and_the_total_parameters():
    counts = {
        form: parameter_counts(TransformerLM(**params.choices(VOCABULARY)))
        for form, params in fair_forms(PARAMS).items()
    }
    routers = PARAMS.layers * PARAMS.experts * PARAMS.width
    assert counts["moe"].active == counts["dense_active"].total + routers
    assert counts["moe"].total == counts["dense_total"].total + routers


def test_flops_of_a_token_are_those_that_pytorch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    model = TransformerLM(**fair_forms(PARAMS)["dense_active"].choices(VOCABULARY)).train()
    ids = torch.zeros(1, PARAMS.seq_len, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        logits, _ = model(ids)
        logits.sum().backward()
    vectors = sum(p.numel() for p in model.parameters() if p.dim() == 1)
    ours = (token_training_flops(model, PARAMS.seq_len) - 6 * vectors) * PARAMS.seq_len
    # Its counter leaves out the recomputed scores of attention's backward pass, or not: a tenth.
    assert counter.get_total_flops() == pytest.approx(ours, rel=0.1)


def test_every_form_is_trained_on_equal_tokens_and_in_equal_time(trainings):
    told = [(t.form, t.budget, t.seed) for t in trainings]
    forms = ("moe", "dense_active", "dense_total")
    assert sorted(told) == sorted(
        (form, budget, seed) for form in forms for budget in ("tokens", "time") for seed in (3, 4)
    )
    assert all(t.history.tokens == 192 for t in trainings if t.budget == "tokens")
    speed = {
        form: np.median(
            [
                t.history.tokens_per_second
                for t in trainings
                if (t.form, t.budget) == (form, "tokens")
            ]
        )
        for form in forms
    }
    for t in trainings:
        if t.budget == "time":
            step = t.params.tokens_per_step
            assert abs(t.history.tokens - 192 * speed[t.form] / speed["moe"]) <= step


def test_qualities_are_read_on_held_out_text(trainings):
    other = token_row(60, 5)
    frame = quality_frame(trainings, ROWS, other)
    assert len(frame) == 12
    t, line = trainings[0], frame.iloc[0]
    expected = evaluate(t.model, other, PARAMS.seq_len)
    assert line.bits_per_byte == expected.bits_per_byte
    assert line.parameters_active == parameter_counts(t.model).active
    assert line.seconds * line.tokens_per_second == pytest.approx(line.tokens)


def test_comparisons_are_paired_by_seed():
    moe, active, total = [1.0, 1.2, 1.1], [1.3, 1.5, 1.35], [1.0, 1.21, 1.08]
    frame = pd.DataFrame(
        {"form": form, "budget": "tokens", "seed": seed, "bits_per_byte": bits}
        for form, values in (("moe", moe), ("dense_active", active), ("dense_total", total))
        for seed, bits in enumerate(values)
    )
    found = comparison_frame(frame).set_index("rival")
    assert found.loc["dense_active", "verdict"] == "better"
    assert found.loc["dense_total", "verdict"] == "open"
    interval = ttest_1samp(np.subtract(moe, active), 0).confidence_interval(0.95)
    assert found.loc["dense_active", "low"] == pytest.approx(interval.low)
    assert found.loc["dense_active", "high"] == pytest.approx(interval.high)


def test_loads_count_every_choice_of_every_token(trainings):
    model = trainings[0].model
    text = row(83, 7)
    counts, _ = moe_routing.routing(model, text, 8)
    assert [count.sum() for count in counts] == [83 * 2] * 2
    frame = moe_routing.load_frame(trainings, text, 8)
    assert len(frame) == 2 * 2 * 4  # seeds, layers, experts
    assert frame.groupby(["seed", "layer"]).share.sum().to_numpy() == pytest.approx(1.0)


def test_routing_of_a_text_is_what_training_counts(trainings):
    model, text = trainings[0].model, row(64, 7)
    counts, _ = moe_routing.routing(model, text, 8)
    model.train()(torch.from_numpy(text.astype(np.int64)).view(8, 8))
    loads = [part.load.double().numpy() for part in mixtures(model)]
    model.eval()
    for part in mixtures(model):
        part.load.zero_()
    np.testing.assert_array_equal(counts, loads)


def test_entropies_lie_between_none_and_all(trainings):
    frame = moe_routing.entropy_frame(trainings, row(64, 7), 8)
    assert (frame.largest == 2).all()
    assert frame.token_entropy.between(0, 2).all()
    assert frame.load_entropy.between(0, 2).all()
    assert frame.imbalance.between(1, 2).all()  # at most E/k


def test_information_of_registers_by_hand():
    apart = {"law": np.array([0.5, 0.5, 0, 0]), "code": np.array([0, 0, 1.0, 0])}
    assert moe_routing.information(apart) == pytest.approx(1.0)
    alike = {"law": np.array([0.2, 0.8]), "code": np.array([0.2, 0.8])}
    assert moe_routing.information(alike) == pytest.approx(0.0)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=9).filter(lambda w: sum(w) > 0.1))
def test_entropy_is_that_of_scipy(weights):
    assert moe_routing.entropy(np.array(weights)) == pytest.approx(
        float(scipy_entropy(weights, base=2)), abs=1e-9
    )


def test_a_mixture_that_splits_registers_is_specialised(trainings):
    model = trainings[0].model
    names = ["a"] * 6 + ["b"] * 6
    texts = {"a": ["abab" * 5] * 6, "b": ["ijkl" * 5] * 6}
    found, counts = moe_routing.register_counts(model, texts, Letters())
    assert found == names
    assert counts.shape == (12, 2, 4)
    frame = moe_routing.register_frame(trainings, texts, Letters())
    assert frame.groupby(["seed", "layer", "register"]).share.sum().to_numpy() == pytest.approx(1)
    special = moe_routing.specialisation_frame(trainings, texts, Letters(), permutations=40)
    assert list(special.columns) == ["seed", "layer", "information", "chance", "specialised"]
    # Texts of a register are equal here: no other deal tells them apart as well.
    assert ((special.information > special.chance) == special.specialised).all()
    assert special.specialised.mean() > 0.5
    assert (special.information <= math.log2(2) + 1e-9).all()


def test_costs_of_every_engine_beside_a_dense_mlp():
    frame = moe_cost.cost_frame(32, 16, 4, 2, [5, 40], "cpu")
    assert len(frame) == 2 * 2 * 2
    assert set(frame.engine) == {"loop", "grouped"}
    assert (frame.routing_share > 0).all()
    assert frame.overhead.to_numpy() == pytest.approx(
        (frame.milliseconds / frame.dense_milliseconds).to_numpy()
    )
