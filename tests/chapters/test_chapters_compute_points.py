"""Chapter 21: measured points beside the curves of parallelism, by hand calculation."""

import pytest
from matplotlib import pyplot as plt

from brnb.algorithms.parallel_points import Point
from brnb.chapters import compute_points

POINTS = [
    Point("ring_sent", 4, 0, 1.5),
    Point("zero_sent", 4, 3, 2.25),
    Point("zero_held", 4, 1, 10.0),
    Point("pipeline_ticks", 4, 8, 8 / 11),
    Point("pipeline_share", 4, 8, 0.7),
]


def test_points_stand_beside_their_formulas():
    table = compute_points.tab_parallel_points(POINTS, "en").set_index("measured_scheme")
    # 2 x 3/4; half as much again; 8 bytes and a quarter of 8; 8 of 11 slots
    expected = [1.5, 2.25, 10, 100 * 8 / 11, 100 * 8 / 11]
    assert list(table["predicted_value"]) == pytest.approx(expected)
    assert list(table["measured_value"]) == pytest.approx([1.5, 2.25, 10, 100 * 8 / 11, 70])


def test_points_are_drawn_on_the_curves():
    figure = compute_points.fig_parallelism(7e9, POINTS, "pt")
    bubble, ring, zero = figure.get_axes()
    lines = [line for axis in (bubble, ring, zero) for line in axis.lines]
    marked = [line for line in lines if line.get_marker() in "ox" and len(line.get_xdata())]
    heights = [float(line.get_ydata()[0]) for line in marked]
    assert heights == pytest.approx([100 * 8 / 11, 70, 1.5, 2.25, 70])
    curves = [line for line in bubble.lines if len(line.get_xdata()) == 8]
    assert curves[1].get_ydata()[3] == pytest.approx(heights[0])  # 4 stages, 8 micro-batches
    assert all(axis.get_legend() for axis in figure.get_axes())
    plt.close(figure)
