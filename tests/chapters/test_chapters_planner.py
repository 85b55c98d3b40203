"""The planner's tables, against hand calculation and what was measured."""

import math
from decimal import Decimal

import pytest

from brnb.chapters import planner
from brnb.theory.measured import measured_trainings
from brnb.theory.memory import MicroBatch
from brnb.theory.params import Case
from brnb.theory.plan import PROGRAM
from brnb.theory.shape import Shape
from brnb.theory.speed import Measured, transformer_work

GPT2 = {"vocab": 50_304, "width": 768, "layers": 12, "heads": 12, "kv_heads": 12, "head_dim": 64,
        "hidden": 3072}  # fmt: skip


@pytest.fixture(scope="module")
def known():
    return measured_trainings()


@pytest.fixture(scope="module")
def measured(known):
    return [fact.measured for fact in known]


def case(**changes):
    return Case(**{
        "name": "x", "shape": "llama31_8b", "method": "qlora", "tokens": 1e6, "batch": 1,
        "seq_len": 2048, "gpu": "rtx4090", "count": 1, **changes,
    })  # fmt: skip


def own(gpu="h200_sxm", seconds=1e-6):
    """A GPT-2 trained by this project: a microsecond a token."""
    step = MicroBatch(method="full", batch=1, seq_len=2048)
    work = transformer_work(Shape(**GPT2), step, gpu)
    return Measured("v6", PROGRAM, gpu, "scratch", work, seconds)


def test_plans_say_where_price_and_speed_come_from(measured):
    cases = [case(), case(gpu="h200_sxm", count=2, shape=GPT2, method="full", tokens=7.2e9)]
    args = ([*measured, own()], "vast_ai_p25", "ptax_2025_10_31", "en")
    frame = planner.plans(cases, *args)
    assert list(frame["price_list"]) == ["vast_ai_p25", "runpod_community_2026_09"]
    assert list(frame["evidence"]) == [0, 1]
    assert list(frame["gpu"]) == ["RTX 4090", "2 × H200 SXM"]
    assert frame["hours"][1] == pytest.approx(1)  # 7.2e9 tokens at a million a second, by two
    assert float(frame["usd"][1]) == pytest.approx(2 * 3.59)
    assert frame["brl"][1] == frame["usd"][1] * Decimal("5.3843")


def test_every_measured_training_is_predicted_by_the_others(known):
    frame = planner.predictions(known, "en")
    assert len(frame) == len(known) >= 33
    assert planner.median_error(frame) < 15
    by_kind = frame.groupby("kind")[["error_percent"]].agg(lambda e: e.abs().median())
    assert (by_kind["error_percent"] < 15).all()


def test_a_training_does_not_predict_itself(known):
    def error(seconds):
        facts = [*known, type(known[0])(own("rtx4090", seconds))]
        return planner.predictions(facts, "en").iloc[-1]

    one, two = error(1e-6), error(2e-6)
    assert one["speed_predicted"] == two["speed_predicted"]
    assert (one["source"], one["evidence"]) == ("receipts", 0)


def test_errors_by_source_and_in_all(known):
    frame = planner.predictions(known, "en")
    errors = planner.tab_plan_errors(frame, "en").set_index("source")
    assert errors["count"].tolist() == [22, 11, 33]
    assert errors.loc["all", "median_error"] == planner.median_error(frame)
    assert errors["within"].between(0, 100).all()


def test_median_error_ignores_sign():
    import pandas as pd

    frame = pd.DataFrame({"error_percent": [-30.0, 10.0, 5.0]}, dtype=object)
    assert planner.median_error(frame) == 10


def test_memory_of_the_measured_steps_is_within_ten_percent(known):
    frame = planner.tab_plan_memory_error(known)
    assert len(frame) == 16
    assert (frame["memory_error_percent"].abs() < 10).all()


def test_cost_grows_with_the_square_from_scratch_and_in_proportion_in_adaptation(measured):
    frame = planner.cost_by_size("rtx4090", "vast_ai_p25", measured, 20.0, 1e7)
    for method, slope in (("from_scratch", 2), ("fine_tuning", 1)):
        rows = frame[frame["method"] == method]
        (n0, usd0), (n1, usd1) = rows[["parameters", "usd"]].to_numpy(float)[[-4, -1]]
        assert math.log(usd1 / usd0) / math.log(n1 / n0) == pytest.approx(slope, abs=0.12)
    fits = frame.groupby("method")["fits"].sum()
    assert fits["qlora"] > fits["fine_tuning"]


def test_a_figure_without_a_price_names_gpu_and_list(measured):
    with pytest.raises(ValueError, match=r"h200_sxm has no price in .*usd_per_hour/vast_ai_p25"):
        planner.cost_by_size("h200_sxm", "vast_ai_p25", measured, 20.0, 1e7)


def test_figure_of_predictions_has_a_point_for_each(known):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    figure = planner.fig_plan_error(planner.predictions(known, "pt"), "pt")
    lines = figure.axes[0].get_lines()
    points = sum(len(line.get_xdata()) for line in lines if line.get_linestyle() == "None")
    assert points == len(known)
    plt.close("all")
