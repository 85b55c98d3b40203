"""Logarithmic axes as they are drawn: labels that leave room for each other, in both languages."""

import itertools

import matplotlib.pyplot as plt
import pytest

from brnb.report.figures import figure
from brnb.report.log_axis import log_axis


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def drawn(low, high, columns=1, lang="pt"):
    fig, axes = figure(2.5, ncols=columns, squeeze=False)
    for axis in axes[0]:
        axis.plot([low, high], [low, high])
        log_axis(axis.xaxis, lang)
        log_axis(axis.yaxis, lang)
    fig.draw_without_rendering()
    return axes[0]


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0.011, 0.04), (70, 150), (4e10, 1e12), (3.4e-6, 1.4e-5), (1700, 1.1e5), (1e-6, 1e9),
     (0.04, 160), (990, 1010)],
)  # fmt: skip
def test_labels_leave_room_for_each_other(low, high, columns):
    for axis in drawn(low, high, columns):
        boxes = [text.get_window_extent() for text in axis.get_xticklabels()]
        assert 1 <= len(boxes) <= 8
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
        boxes = [text.get_window_extent() for text in axis.get_yticklabels()]
        assert all(a.y1 < b.y0 + 2 for a, b in itertools.pairwise(boxes))


def labels(axis):
    return [text.get_text() for text in axis.get_xticklabels()]


def test_numbers_are_written_as_the_language_does():
    assert labels(drawn(0.012, 0.045)[0]) == ["0,02", "0,03", "0,04"]
    assert labels(drawn(0.012, 0.045, lang="en")[0]) == ["0.02", "0.03", "0.04"]
    assert labels(drawn(15_000, 80_000)[0])[0] == "20.000"


def test_large_numbers_are_powers_of_ten_all_alike():
    assert labels(drawn(2e4, 2e7)[0]) == ["$10^{5}$", "$10^{6}$", "$10^{7}$"]
    assert r"$5\times10^{11}$" in labels(drawn(3e11, 3e12)[0])


def test_limits_are_those_of_the_data():
    low, high = drawn(70, 150)[0].get_xlim()
    assert 60 < low < 70 < 150 < high < 170


def test_a_limit_that_is_not_positive_is_refused():
    _, axis = figure(2.0)
    axis.plot([1, 100], [1, 2])
    axis.set_xlim(right=200)  # leaves the left one where a linear axis begins
    with pytest.raises(ValueError, match="set both limits"):
        log_axis(axis.xaxis, "pt")
