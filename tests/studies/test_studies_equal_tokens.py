"""Curves read at equal tokens and at their end, against hand-made curves and SciPy."""

import math

import pytest
from scipy.interpolate import interp1d

from brnb.evaluate.intrinsic import Intrinsic
from brnb.evaluate.records import Record
from brnb.studies.equal_tokens import (
    at_equal_tokens,
    at_the_end,
    interpolated,
    recent_mean,
)
from brnb.train.history import History


def curve(*points):
    return [{"tokens": tokens, "loss": loss} for tokens, loss in points]


def record(run, cleaning, validation, train=(), bits=1.0, loss=2.0):
    """A run whose losses of 1 nat are bits / loss bits per byte."""
    history = History(
        train=curve(*train),
        validation=curve(*validation),
        tokens=validation[-1][0],
        pass_tokens=400,
    )
    measured = Intrinsic(loss, math.exp(loss), 0.5, bits, 9, 1)
    told = {"cleaning": cleaning}
    return Record(run, told, measured, history, None, None, None, validation=measured)


def test_a_loss_between_evaluations_lies_on_a_line_in_the_logarithm_of_tokens():
    points = curve((100, 4.0), (400, 3.0), (1600, 2.5))
    assert interpolated(points, 200) == pytest.approx(3.5)  # a doubling of two
    line = interp1d([math.log(row["tokens"]) for row in points], [row["loss"] for row in points])
    for tokens in (100, 150, 399, 400, 1000, 1600):
        assert interpolated(points, tokens) == pytest.approx(float(line(math.log(tokens))))


@pytest.mark.parametrize("tokens", [99, 1601])
def test_nothing_is_said_outside_of_a_curve(tokens):
    assert interpolated(curve((100, 4.0), (1600, 2.5)), tokens) is None


def test_recent_training_losses_are_averaged():
    points = curve((800, 5.0), (905, 3.0), (1000, 2.0), (1100, 1.0))
    assert recent_mean(points, 1000) == 2.5  # of 905 and 1000
    assert recent_mean(points, 890) == 5.0  # none in the last tenth: the one before
    assert recent_mean(points, 799) is None


def test_every_cleaning_has_the_tokens_of_its_shortest_run():
    long = record("v2", "early", [(100, 4.0), (400, 3.0), (1600, 2.0)], [(200, 6.0), (400, 4.0)])
    short = record("v5", "early", [(400, 2.0)], [(400, 2.0)], bits=3.0)
    other = record("v6", "v6", [(50, 1.0), (100, 0.5)], [(100, 1.0)])
    points = at_equal_tokens([short, other, long])
    assert [(p.run, p.tokens, p.share) for p in points] == [
        ("v5", 400, 1.0), ("v2", 400, 0.25), ("v6", 100, 1.0),
    ]  # fmt: skip
    assert [p.validation for p in points] == [3.0, 1.5, 0.25]  # losses of 2, 3, 0.5 nats
    assert [p.training for p in points] == [3.0, 2.0, 0.5]


def test_a_run_that_was_first_evaluated_later_has_only_its_training_curve():
    late = record("v1", "early", [(900, 2.0)], [(100, 5.0), (300, 4.0)])
    early = record("v5", "early", [(300, 2.0)], [(300, 2.0)])
    first, _ = at_equal_tokens([late, early])
    assert (first.run, first.validation, first.training) == ("v1", None, 2.0)


def test_the_last_doubling_is_measured_from_the_middle_of_the_curve():
    falls = record("v1", "early", [(250, 4.0), (500, 3.0), (1000, 2.0)])
    flat = record("v3", "early", [(250, 2.0), (1000, 1.98)])
    single = record("v2", "early", [(1000, 3.0)])
    rises = record("v6", "v6", [(500, 2.0), (1000, 2.4)])
    ends = {end.run: end for end in at_the_end([falls, flat, single, rises])}
    assert ends["v1"].gain == pytest.approx(0.5)  # 1 nat, of which each is half a bit
    assert ends["v3"].gain == pytest.approx(0.005)  # 0.02 nats over two doublings
    assert [ends[run].converged for run in ("v1", "v2", "v3", "v6")] == [False, None, True, True]
    assert (ends["v6"].best, ends["v6"].best_tokens, ends["v6"].validation) == (1.0, 500, 1.2)
    assert ends["v1"].passes == 2.5
