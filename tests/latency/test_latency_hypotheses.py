"""H1-H3 on constructed timings whose verdicts are known, and medians with intervals."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from brnb.latency.hypotheses import findings_of
from brnb.latency.study import TimedContestant
from brnb.latency.summary import by_weights, median_interval, summarise


def records(seconds, accuracy=lambda model, benchmark: 1, items=12, repeats=3, noise=0.0):
    """Timings of models m and d: ``seconds[model, benchmark]``, up to noise; 10 tokens each."""
    random = np.random.default_rng(0)
    rows = [
        {"model": model, "family": "moe" if model == "m" else "dense", "weights": "fp32",
         "benchmark": benchmark, "item": f"{benchmark}-{i}", "repeat": r, "new_tokens": 10,
         "latency_s": (s := middle * math.exp(noise * random.normal())), "first_token_s": s / 5,
         "tokens_per_s": 10 / s, "checked": accuracy(model, benchmark),
         "accuracy": accuracy(model, benchmark), "peak_bytes": 100}
        for (model, benchmark), middle in seconds.items()
        for i in range(items)
        for r in range(repeats)
    ]  # fmt: skip
    return pd.DataFrame(rows)


SECONDS = {("m", "dosmi_v2"): 2.0, ("d", "dosmi_v2"): 1.0,
           ("m", "expertise_map"): 6.0, ("d", "expertise_map"): 4.0}  # fmt: skip


def found(frame, params):
    return {finding.statistic: finding for finding in findings_of(frame, params)}


def test_ratios_are_those_of_the_definition(params):
    statistics = found(records(SECONDS), params)
    assert math.exp(statistics["short_penalty"].value) == pytest.approx(2.0)
    assert math.exp(statistics["overhead_fall"].value) == pytest.approx(2.0 / 1.5)
    assert math.exp(statistics["throughput_gain"].value) == pytest.approx(2.0 / 1.5)
    assert math.exp(statistics["efficiency_gain"].value) == pytest.approx(2.0 / 1.5)


def test_a_clear_overhead_in_short_tasks_is_confirmed_and_its_opposite_refuted(params):
    statistics = found(records(SECONDS, noise=0.05), params)
    assert statistics["overhead_fall"].verdict == "confirmed"
    assert statistics["short_penalty"].verdict == "confirmed"
    other = {("m" if model == "d" else "d", b): s for (model, b), s in SECONDS.items()}
    assert found(records(other, noise=0.05), params)["overhead_fall"].verdict == "refuted"


def test_equal_models_decide_nothing(params):
    same = dict.fromkeys(SECONDS, 1.0)
    statistics = found(records(same, noise=0.3), params)
    assert {f.verdict for f in statistics.values()} == {"undecided"}
    for finding in statistics.values():
        assert finding.low < finding.value < finding.high


def test_without_a_right_answer_the_efficiency_decides_nothing(params):
    none = records(SECONDS, accuracy=lambda model, benchmark: 0)
    efficiency = found(none, params)["efficiency_gain"]
    assert efficiency.verdict == "undecided"
    assert math.isnan(efficiency.low)


def test_better_answers_raise_the_efficiency(params):
    learned = records(SECONDS, accuracy=lambda m, b: 0.5 if (m, b) == ("m", "dosmi_v2") else 1)
    statistics = found(learned, params)
    assert math.exp(statistics["efficiency_gain"].value) == pytest.approx(2 * 2.0 / 1.5)


def test_unsteady_latency_is_seen(params):
    frame = records(SECONDS)
    random = np.random.default_rng(1)
    for model, spread in (("m", 0.3), ("d", 0.05)):
        at = frame["model"] == model
        frame.loc[at, "latency_s"] *= np.exp(spread * random.normal(size=at.sum()))
    gap = found(frame, params)["variation_gap"]
    assert gap.verdict == "confirmed"
    assert 3 < math.exp(gap.value) < 12  # 0.3 / 0.05 = 6


def test_medians_have_the_interval_of_scipy(params):
    values = np.random.default_rng(5).lognormal(size=40)
    middle, low, high = median_interval(values, params)
    theirs = bootstrap((values,), np.median, method="percentile", n_resamples=5000, rng=1)
    assert middle == np.median(values)
    assert low == pytest.approx(theirs.confidence_interval.low, rel=0.05)
    assert high == pytest.approx(theirs.confidence_interval.high, rel=0.05)


def test_a_summary_has_a_row_a_model_and_benchmark(params):
    summary = summarise(records(SECONDS, accuracy=lambda m, b: 0.25), params)
    assert len(summary) == 4
    row = summary.set_index(["model", "benchmark"]).loc["m", "expertise_map"]
    assert row["latency_s"] == row["latency_s_low"] == row["latency_s_high"] == pytest.approx(6)
    assert row["items"] == 12
    assert row["efficiency"] == pytest.approx(0.25 * 10 / 6)  # accuracy × tokens/s


def test_formats_are_compared_item_by_item(params):
    frame = records({("m", "dosmi_v2"): 2.0, ("d", "dosmi_v2"): 1.0})
    frame.loc[frame["model"] == "m", "peak_bytes"] = 25
    plain = params.contestants[0]
    packed = plain.model_copy(update={"name": "m", "weights": "nf4"})
    ratios = by_weights(
        frame, [TimedContestant(plain, None, []), TimedContestant(packed, None, [])], params
    )
    row = ratios.set_index("weights").loc["nf4"]
    assert row["speed_ratio"] == pytest.approx(0.5)
    assert row["memory_relative"] == 0.25


def test_quantised_experts_stand_beside_the_loop_that_they_are_visited_in(params):
    of = {"m": 1.0, "loop": 4.0, "packed": 8.0}  # seconds
    frame = records({(name, "dosmi_v2"): seconds for name, seconds in of.items()})
    mixture = params.contestants[1]
    loop = mixture.model_copy(update={"name": "loop", "experts": "eager"})
    packed = mixture.model_copy(update={"name": "packed", "weights": "nf4"})
    timed = [TimedContestant(one, None, []) for one in (mixture, loop, packed)]
    ratios = by_weights(frame, timed, params)
    assert ratios["weights"].tolist() == ["fp32", "nf4"]  # the shape's other engine is left out
    assert ratios["speed_ratio"].tolist() == pytest.approx([1.0, 0.5])
