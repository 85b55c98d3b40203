"""Rooflines by hand, fits that find planted multiples, sizes against PyTorch and profile paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.pipeline import Pipeline
from brnb.theory import measured
from brnb.theory.memory import MicroBatch, layer_bytes
from brnb.theory.plan import PROGRAM
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, Work, fit, predict, recurrent_work, transformer_work
from brnb.thesis import load

TINY = Shape(vocab=10, width=8, layers=2, heads=2, kv_heads=2, head_dim=4, hidden=32, gated=False,
             tied=True)  # fmt: skip


def run(family, terms, seconds, program="a", gpu="h200_sxm", kind="scratch"):
    return Measured("x", program, gpu, kind, Work(family, terms), seconds)


def test_terms_of_a_transformer_by_hand():
    step = MicroBatch(method="full", batch=2, seq_len=16)
    compute, activations, weights, launches = transformer_work(TINY, step, "h200_sxm").terms
    maps = 2 * (4 * 64 + 2 * 8 * 32)
    assert compute == pytest.approx((6 * (maps + 80) + 6 * 2 * 8 * 16) / 989.4e12)
    assert activations == pytest.approx((2 * layer_bytes(TINY, step) + 12 * 10) / 4.8e12)
    assert weights == pytest.approx(2 * 2 * maps / 4.8e12 / 32)  # bf16, forward and backward
    assert launches == pytest.approx(2 * 140 * 10e-6 / 32)


def test_recomputing_runs_the_forward_pass_again():
    steps = [
        MicroBatch(method="qlora", batch=1, seq_len=8, recomputed=again) for again in (0, 1, None)
    ]
    some = [transformer_work(TINY, step, "rtx4090").terms for step in steps]
    for none, half, every in zip(*some, strict=True):
        assert none < half < every
        assert half - none == pytest.approx(every - half)
    assert some[2][2] / some[0][2] == pytest.approx(1.5)  # three passes for two


def test_terms_of_a_recurrent_network_by_hand():
    assert recurrent_work(1000, 3, 256, "rtx3080").terms == pytest.approx(
        (6000 / 59.5e12, 3 / 256 * 10e-6)
    )


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("lstm", 3), ("gru", 2)])
def test_multiplied_weights_are_those_of_pytorch(cell, layers):
    import torch

    network = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell](6, 16, layers, bias=False)
    weights = sum(p.numel() for p in network.parameters()) + 16 * 50
    assert measured.recurrent_weights(cell, 50, 6, 16, layers) == weights


shares = st.floats(0.1, 20)
works = st.lists(st.tuples(*[st.floats(0.1, 10)] * 3), min_size=6, max_size=10, unique=True)


@given(works, st.tuples(shares, shares, shares))
def test_planted_times_are_fitted_and_no_multiple_is_negative(terms, planted):
    runs = [run("transformer", (*t, 1e-9), float(np.dot(t, planted))) for t in terms]
    found = fit(runs)
    assert (found >= 0).all()
    for one in runs:
        assert found @ one.work.terms == pytest.approx(one.seconds, rel=1e-6)


parts = st.lists(st.tuples(st.floats(0.1, 10), st.sampled_from([0.1, 10.0])), min_size=4)


@given(parts, st.tuples(shares, shares))
def test_the_slower_side_is_fitted(parts, planted):
    """One side is ten times the other; within the noise that the fit allows for."""
    terms = [(ops, ops * planted[0] * ratio / planted[1]) for ops, ratio in [*parts, (1.0, 0.1)]]
    runs = [run("recurrent", t, max(planted[0] * t[0], planted[1] * t[1])) for t in terms]
    found = fit(runs)
    for one in runs:
        assert max(found * one.work.terms) == pytest.approx(one.seconds, rel=0.15)


V6 = Shape(vocab=16_000, width=512, layers=8, heads=8, kv_heads=8, head_dim=64, hidden=1408,
           tied=True)  # fmt: skip
LLAMA_8B = Shape(vocab=128_256, width=4096, layers=32, heads=32, kv_heads=8, head_dim=128,
                 hidden=14_336)  # fmt: skip


def adapters(shape, step, rate):
    """A receipt of this project's QLoRA on an H200."""
    work = transformer_work(shape, step, "h200_sxm")
    return Measured("x", PROGRAM, "h200_sxm", "adapters", work, 1 / rate)


SMALL = adapters(
    V6, MicroBatch(method="qlora", batch=16, seq_len=512, kernels="fused", head="chunked"), 123_000
)
LARGE = adapters(
    LLAMA_8B, MicroBatch(method="qlora", batch=4, seq_len=2048, recomputed=None), 7_576
)


def speed(receipt, known):
    found = predict(receipt.work, "h200_sxm", "adapters", PROGRAM, known)
    return 1 / found.seconds, found.evidence


@pytest.mark.parametrize(
    "more", [(), tuple(fact.measured for fact in measured.measured_trainings())]
)
def test_a_small_model_says_what_launches_cost_and_a_large_one_what_operations_do(more):
    """34 M parameters at 123,000 tokens/s once made 8B ten times slower than it is."""
    known = [*more, SMALL, LARGE]
    assert speed(LARGE, known) == (pytest.approx(7_576, rel=0.25), 1)
    assert speed(SMALL, known) == (pytest.approx(123_000, rel=0.25), 1)


def test_a_small_model_alone_says_nothing_of_the_operations_of_a_large_one():
    known = [fact.measured for fact in measured.measured_trainings()]
    assert speed(LARGE, [*known, SMALL]) == (pytest.approx(speed(LARGE, known)[0], rel=0.05), 0)
    assert speed(LARGE, [*known, SMALL])[0] == pytest.approx(7_576, rel=0.25)


def test_what_was_measured_of_large_models_predicts_the_launches_of_a_small_one():
    """Steps of one sequence of 8B wait for them too; a roofline alone says 1.4 million."""
    known = [fact.measured for fact in measured.measured_trainings()]
    assert speed(SMALL, known) == (pytest.approx(123_000, rel=0.4), 0)


def test_a_recorded_step_hardly_waits_for_launches():
    step = MicroBatch(method="full", batch=1, seq_len=64)
    eager, graph = (
        transformer_work(V6, step, "h200_sxm", recorded).terms for recorded in (False, True)
    )
    assert eager[:3] == graph[:3]
    assert graph[3] == pytest.approx(eager[3] / 20)


def test_the_same_program_on_the_same_gpu_sets_the_scale():
    others = [run("recurrent", (k, 0.001), 2.0 * k) for k in (1.0, 2.0, 3.0, 4.0, 5.0)]
    own = run("recurrent", (3.0, 0.001), 18.0, program="b")
    work = Work("recurrent", (10.0, 0.001))
    plain = predict(work, "rtx4090", "scratch", "b", [*others, own])
    scaled = predict(work, "h200_sxm", "scratch", "b", [*others, own])
    assert (plain.evidence, scaled.evidence) == (0, 1)
    assert scaled.seconds == pytest.approx(60)  # six seconds for a unit of work, ten units
    assert plain.seconds < 30


def test_nothing_measured_is_an_error_with_the_fix():
    with pytest.raises(ValueError, match=r"add one to measured\.yaml"):
        predict(Work("transformer", (1.0, 1.0, 1.0, 1.0)), "rtx4090", "scratch", "b", [])


def test_sizes_assumed_for_the_dissertation_are_those_of_profile_paper():
    pipeline, data = Pipeline("paper"), load("measured", "dissertation")
    for name, own in data["recurrent"].items():
        params = pipeline.params(name)
        keys = ("cell", "embedding_size", "hidden_size", "layers", "batch_size", "seq_len")
        sizes = ("cell", "embedding", "hidden", "layers", "batch", "seq_len")
        assert [params[key] for key in keys] == [own[key] for key in sizes], name
    for name, own in data["transformers"].items():
        params, shape = pipeline.params(name), own["shape"]
        for key in ("width", "layers", "heads", "kv_heads", "hidden", "tied"):
            assert params[key] == shape[key], (name, key)
        assert shape["gated"] == (params["mlp"] == "swiglu")
        assert (params["batch_size"], params["seq_len"]) == (own["batch"], own["seq_len"])


def test_hours_and_tokens_of_the_dissertation_make_its_speeds():
    known = {fact.measured.name: fact for fact in measured.measured_trainings()}
    assert 1 / known["v1"].measured.seconds == pytest.approx(13.88e9 / (1.1 * 3600))
    assert 1 / known["v6_rc16k_v5b"].measured.seconds == pytest.approx(3.76e9 / (13.3 * 3600))
    assert "cpt_qlora_llama31_8b_brwac10k" not in known  # its tokens are not printed


def test_measured_shapes_are_those_of_the_published_models():
    shapes = {name: Shape(**sizes) for name, sizes in load("measured", "shapes").items()}
    assert shapes["8B"].parameters == 8_030_261_248
    assert shapes["GPT-124M"].parameters == pytest.approx(124e6, rel=0.01)
