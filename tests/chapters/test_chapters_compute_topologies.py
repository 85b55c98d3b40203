"""Chapter 21: networks against published sizes."""

import pytest
from matplotlib import pyplot as plt

from brnb.chapters import compute_topologies as topologies


def test_topologies_as_published():
    frame = topologies.tab_topologies([48, 64], 50e9).set_index("ports")
    assert frame.loc[48, "hosts"] == 27_648  # Al-Fares et al. (2008)
    assert frame.loc[64, "dragonfly_nodes"] == 262_656  # Kim et al. (2008)
    assert frame.loc[48, "bisection_tb_s"] == pytest.approx(27_648 / 2 * 50e9 / 1e12)


def test_busy_links_have_a_curve_for_each_load():
    figure = topologies.fig_busy_links([0.1], "pt")
    assert all(axis.get_legend() for axis in figure.get_axes())
    plt.close(figure)
