"""Models side by side, published scores: numbers by hand."""

import numpy as np
import pytest

from brnb.chapters import comparisons
from brnb.evaluate.hypotheses import Evidence
from brnb.evaluate.statistics import Rate
from brnb.extrinsic.benchmarks import Benchmark, BenchmarkMarks, HarnessItem
from brnb.report.tables import display


def test_benchmarks_have_a_row_a_model():
    names = {"adapted": "a + SFT", "baseline": "a"}
    rates = dict.fromkeys(names, Rate(15, 20))
    half, rouge = dict.fromkeys(names, 0.5), dict.fromkeys(names, 0.25)
    frame = comparisons.tab_benchmarks(half, rouge, rates, rates, names)
    assert frame["model"].tolist() == ["a + SFT", "a"]
    assert frame["bleu"].tolist() == [50, 50]
    assert frame["sentiment"].tolist() == [75, 75]
    # Wilson's interval of 15 of 20: 53.1 to 88.8 percent
    assert (frame["probes_low"][0], frame["probes_high"][0]) == pytest.approx((53.1, 88.8), abs=0.1)


def test_external_benchmarks_have_a_row_a_task_and_model_beside_chance():
    task = Benchmark("arc", tuple(HarnessItem("c", ("a", "b", "d", "e"), 0) for _ in range(20)))
    marks = {name: {"arc": BenchmarkMarks(Rate(15, 20), Rate(10, 20))} for name in ("x", "y")}
    frame = comparisons.tab_external_benchmarks(marks, [task], {"x": "one", "y": "two"})
    assert frame["model"].tolist() == ["one", "two"]
    assert frame["acc_percent_high"].tolist() == pytest.approx([88.8] * 2, abs=0.1)  # Wilson
    columns = ["n", "acc_percent", "acc_norm_percent", "chance_percent"]
    assert frame[columns].to_numpy().tolist() == [[20, 75, 50, 25]] * 2


def test_published_scores_have_a_source_and_their_decimals():
    frame = comparisons.tab_published_scores()
    assert frame["reference_source"].str.len().min() > 10
    shown = display(frame, "tab-published-scores", lang="pt")
    assert [row[3] for row in shown.cells][:4] == ["48,5", "33,0", "43,7", "0,852"]


def test_the_rubric_in_percent():
    marks = {"adapted": np.array([[1.0, 0.0], [1.0, 1.0]])}
    frame = comparisons.tab_rubric(marks, ["finished", "portuguese"], {"adapted": "a"})
    assert frame["rubric_finished"].tolist() == [100]
    assert frame["rubric_portuguese"].tolist() == [50]
    assert frame["rubric_mark"].tolist() == [75]


def test_verdicts_are_printed():
    one = Evidence("i", "rubric_mark", 0.1, 0.2, 0.05, 0.15, "verdict_supported")
    assert comparisons.tab_hypotheses([one], "pt")["verdict"].tolist() == ["sustentada"]
    (said,) = comparisons.verdict_sentences({"i": "verdict_open"}, "pt")
    assert said.endswith("sem decisão.")
