"""The fit against known laws, torch and the published numbers; the sweep against its base."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brnb.models.transformer import TransformerLM
from brnb.params import ParameterError
from brnb.pipeline import Pipeline, find_root
from brnb.studies.law import Law, fit_law, predict_largest
from brnb.studies.params import ScalingParams, Size
from brnb.studies.sweep import SweepTraining, non_embedding, resized, sweep
from brnb.train.history import History
from brnb.train.loop import Training
from brnb.train.params import V6Params
from brnb.train.rows import TokenRow

SIZES = np.array([1.3e6, 3.2e6, 1.1e7, 2.6e7, 5.0e7, 8.7e7])
OPTIONS = {"resamples": 200, "confidence": 0.95, "seed": 1}


def base(profile="lab"):
    """v6 as a profile trains it."""
    pipeline = Pipeline(profile, find_root())
    told = pipeline.params("v6_rc16k_v5b_aligned") | {"warmup_steps": 2}  # few steps are trained
    return V6Params(**told)


def scaling(**change):
    values = {
        "profile": "lab", "run_id": "scaling", "seed": 3, "lang": "pt", "repeats": 2,
        "sizes": [{"width": 128 * i, "layers": i} for i in range(1, 6)],
        "tokens": 100_000, "learning_rate": 1e-3, "evaluate_every": 2, "resamples": 100,
        "isoflop": {
            "sizes": [{"width": 128 * i, "layers": i} for i in (1, 2, 3)], "draws": 20,
            "flops": [1e9, 2e9, 3e9], "least_steps": 2, "learning_rates": [1e-3],
            "seeds_at_ends": 1, "documents": 1,
        },
        "confidence": 0.9,
    }  # fmt: skip
    return ScalingParams(**values | change)


def noisy(law, random, noise=0.002):
    sizes = np.repeat(SIZES, 3)
    return sizes, law.loss(sizes) * (1 + random.normal(0, noise, len(sizes)))


def trained(sizes, losses):
    return [
        SweepTraining(1, 1, 0, 0.1, int(n), int(n), float(loss), 0.0, History())
        for n, loss in zip(sizes, losses, strict=True)
    ]


@settings(max_examples=30, deadline=None)
@given(floor=st.floats(0, 4), reducible=st.floats(0.5, 4), exponent=st.floats(0.05, 1.0))
def test_exact_points_give_the_law_back(floor, reducible, exponent):
    law = Law(floor, reducible * SIZES[0] ** exponent, exponent)
    found = fit_law(SIZES, law.loss(SIZES), floor=True, **OPTIONS).law
    assert found.exponent == pytest.approx(exponent, rel=1e-3)
    assert found.floor == pytest.approx(floor, abs=1e-3 * (floor + reducible / exponent))
    assert found.loss(4e8) == pytest.approx(law.loss(4e8), rel=1e-4)


def test_a_pure_power_law_is_the_line_through_the_logarithms():
    sizes, losses = noisy(Law(0.0, 11.0, 0.08), np.random.default_rng(0))
    slope, intercept = np.polyfit(np.log(sizes), np.log(losses), 1)
    found = fit_law(sizes, losses, floor=False, **OPTIONS).law
    assert found.floor == 0
    assert found.exponent == pytest.approx(-slope, rel=1e-3)
    assert found.scale == pytest.approx(np.exp(intercept), rel=2e-3)


def test_the_fit_is_the_one_that_lbfgs_finds():
    sizes, losses = noisy(Law(2.5, 40.0, 0.25), np.random.default_rng(4))
    N, L = torch.tensor(sizes), torch.tensor(losses)
    logs = torch.tensor([np.log(2.0), np.log(30.0), 0.3], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logs], max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        error = (((logs[0].exp() + logs[1].exp() * N ** -logs[2]) / L - 1) ** 2).sum()
        error.backward()
        return error

    optimizer.step(closure)
    law = fit_law(sizes, losses, floor=True, **OPTIONS).law
    assert law.exponent == pytest.approx(logs[2].item(), rel=1e-3)
    assert law.floor == pytest.approx(logs[0].exp().item(), rel=1e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    law = Law(3.0, 40.0, 0.3)
    random = np.random.default_rng(7)
    held = 0
    for _ in range(60):
        low, high = fit_law(*noisy(law, random), floor=True, **OPTIONS).interval("exponent")
        held += low <= law.exponent <= high
    assert held >= 48  # 57 expected of exact 95% intervals


def test_exact_points_leave_no_doubt_and_noise_widens_the_band():
    law = Law(0.0, 11.0, 0.08)
    low, high = fit_law(SIZES, law.loss(SIZES), floor=False, **OPTIONS).band([1e7, 1e9])
    assert high - low == pytest.approx([0, 0], abs=1e-6)
    low, high = fit_law(*noisy(law, np.random.default_rng(1)), floor=False, **OPTIONS).band(
        [1e7, 1e9]
    )
    assert 0 < (high - low)[0] < (high - low)[1]


def test_too_few_sizes_and_values_that_no_law_has_are_refused():
    with pytest.raises(ValueError, match="3 sizes cannot fit 3 values: train at least 4"):
        fit_law([1, 2, 2, 3], [3, 2, 2, 1], floor=True, **OPTIONS)
    with pytest.raises(ValueError, match="must be positive"):
        fit_law([1, 2, 3, 4], [3, 2, 1, 0], floor=False, **OPTIONS)


def test_the_largest_size_is_predicted_from_the_others_alone():
    law = Law(2.0, 60.0, 0.3)
    losses = law.loss(SIZES)
    found = predict_largest(trained(SIZES, losses), floor=True, **OPTIONS)
    assert found.parameters == SIZES[-1]
    assert found.error == pytest.approx(0, abs=1e-4)
    worse = predict_largest(trained(SIZES, [*losses[:-1], 9.0]), floor=True, **OPTIONS)
    assert worse.predicted == found.predicted
    assert worse.error == pytest.approx(losses[-1] / 9.0 - 1, abs=1e-4)


def test_the_size_of_the_base_gives_the_base_back():
    v6, p = base(), scaling()
    same = resized(v6, Size(width=v6.width, layers=v6.layers), p, v6.seed)
    changed = {"run_id", "tokens", "learning_rate", "evaluate_every"}
    assert same.model_dump(exclude=changed) == v6.model_dump(exclude=changed)
    assert (same.tokens, same.evaluate_every, same.learning_rate) == (100_000, 2, 1e-3)


def test_another_size_keeps_the_form_of_the_base():
    small = resized(base(), Size(width=128, layers=2), scaling(), 5)  # v6: 512 × 8, heads of 64
    assert (small.heads, small.kv_heads, small.hidden, small.seed) == (2, 2, 352, 5)
    assert small.learning_rate == pytest.approx(4e-3)
    # Four maps of d x d and three of d x 2.75 d a layer, and the gains of 2 L + 1 norms.
    model = TransformerLM(**small.choices(500))
    assert non_embedding(model) == 2 * (4 + 3 * 2.75) * 128**2 + 5 * 128
    with pytest.raises(ParameterError, match=r"size 100 × 1: .* multiple of 64"):
        resized(base(), Size(width=100, layers=1), scaling(), 5)


def test_fewer_than_five_sizes_are_no_sweep():
    with pytest.raises(ValueError, match="at least 5"):
        scaling(sizes=[{"width": 64, "layers": 1}] * 4)


@pytest.fixture
def rows():
    steps = np.random.default_rng(0).integers(-1, 2, size=1500)
    ids = (steps.cumsum() % 19).astype(np.uint16)
    held_out = TokenRow(ids[1200:], 1, np.array([300]))
    train = TokenRow(ids[:1200], 1, np.array([1200]))
    tokenizer = SimpleNamespace(vocab_size=19)
    return SimpleNamespace(tokenizer=tokenizer, train=train, validation=held_out, identity="walk")


def test_a_sweep_trains_each_size_with_each_seed_and_only_once(rows, tmp_path, monkeypatch):
    small = {
        "profile": "test", "width": 32, "heads": 4, "kv_heads": 4, "hidden": 48, "layers": 1,
        "batch_size": 4, "seq_len": 16, "sample_tokens": 8, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    v6 = V6Params(**base().model_dump() | small)
    sizes = [{"width": 8 * i, "layers": 1} for i in range(1, 6)]
    p = scaling(sizes=sizes, tokens=512, evaluate_every=4)
    found = sweep(v6, p, rows, tmp_path)
    assert [(t.width, t.seed) for t in found] == [(8 * i, s) for i in range(1, 6) for s in (3, 4)]
    assert all(t.history.tokens == 512 and t.loss < 3.5 for t in found)
    assert found[0].loss != found[1].loss  # another seed
    monkeypatch.delattr(Training, "advance")
    again = sweep(v6, p, rows, tmp_path)
    assert [(t.loss, t.history.train) for t in again] == [(t.loss, t.history.train) for t in found]
