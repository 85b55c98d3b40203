"""What real processes send and hold, by hand calculation."""

from itertools import groupby

import pytest

from brnb.algorithms.parallel_points import Point, measured_points


@pytest.fixture(scope="module")
def points():
    return {point[:3]: point.value for point in measured_points(2, [1, 8], 0.005)}


def test_bytes_are_those_of_two_processes(points):
    """A ring sends 2 (P - 1)/P of the data, ZeRO-3 half as much again; each process keeps half of
    Adam's 8 bytes, then of the gradient's 4, then of the weight's 4."""
    assert points["ring_sent", 2, 0] == 1
    assert [points["zero_sent", 2, stage] for stage in (1, 2, 3)] == [1, 1, 1.5]
    assert [points["zero_held", 2, stage] for stage in (1, 2, 3)] == [12, 10, 8]


@pytest.mark.parametrize("micro_batches", [1, 8])
def test_a_pipeline_waits_for_the_bubble_by_its_clocks(micro_batches, points):
    """Of M + 1 ticks there and as many back M are work each, Eq. B.84 with two stages."""
    assert points["pipeline_ticks", 2, micro_batches] == micro_batches / (micro_batches + 1)


@pytest.mark.parametrize("micro_batches", [1, 8])
def test_a_pipeline_is_never_faster_than_its_bubble(micro_batches, points):
    """In seconds: messages come on top of the bubble."""
    assert 0 < points["pipeline_share", 2, micro_batches] <= micro_batches / (micro_batches + 1)


def test_what_is_measured_alike_stands_together(points):
    schemes = [scheme for scheme, _, _ in points]
    assert len(list(groupby(schemes))) == len(set(schemes)) == 5


def test_processes_come_in_powers_of_two():
    with pytest.raises(ValueError, match="processes = 3: choose a power of two"):
        measured_points(3, [1], 0.0)


def test_a_point_is_compared_by_what_it_is_of():
    assert Point("ring_sent", 2, 0, 1.0)[:3] == ("ring_sent", 2, 0)
