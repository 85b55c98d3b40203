"""The rows beside a figure are the numbers that it was drawn from."""

import csv

import matplotlib as mpl
import pytest

mpl.use("agg")

from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from brnb.report.figure_data import figure_csv, figure_rows
from brnb.report.figures import figure, write_figure


@pytest.fixture
def drawn():
    with plt.rc_context():
        yield figure
    plt.close("all")


def picked(rows, *names):
    return [tuple(row.get(name) for name in names) for row in rows]


def test_lines_have_their_points_their_names_and_what_the_axes_say(drawn):
    fig, (left, right) = drawn(ncols=2)
    left.plot([1, 2], [3, 4.5], label="treino")
    left.set(title="LSTM", xlabel="tokens", ylabel="nats")
    right.axvline(7, label="meta")
    right.axhspan(1, 2, label="faixa")
    rows = list(figure_rows(fig))
    assert picked(rows[:2], "panel", "x_axis", "y_axis", "series", "x", "y") == [
        ("LSTM", "tokens", "nats", "treino", 1, 3), ("LSTM", "tokens", "nats", "treino", 2, 4.5)
    ]  # fmt: skip
    assert picked(rows[2:], "panel", "series", "x", "y_low", "y_high") == [
        ("2", "meta", 7, None, None), ("2", "faixa", None, 1, 2)
    ]  # fmt: skip


def test_bars_have_the_names_of_their_ticks_and_the_ends_of_their_intervals(drawn):
    fig, (left, right, other) = drawn(ncols=3)
    right.sharey(other)
    left.bar([-0.2, 0.8], [2.0, 3.0], 0.4, yerr=[0.5, 1.0])
    left.bar([0.2, 1.2], [4.0, 5.0], 0.4)
    left.set_xticks([0, 1], ["v1", "v2"])
    right.barh([0, 1], [4, 5], left=[1, 0])
    other.set_yticks([0, 1], ["QA", "resumo"])
    right.label_outer()
    rows = list(figure_rows(fig))
    assert picked(rows[:2], "x", "y", "y_low", "y_high") == [("v1", 2, 1.5, 2.5), ("v2", 3, 2, 4)]
    assert picked(rows[2:4], "series", "x", "y") == [("2", "v1", 4), ("2", "v2", 5)]
    assert picked(rows[4:], "y", "x", "x_low", "x_high") == [
        ("QA", 5, 1, 5),
        ("resumo", 5, None, None),
    ]


def test_a_formula_at_a_tick_is_no_name(drawn):
    fig, axes = drawn()
    axes.plot([5e11], [2.0], "o")
    axes.set_xticks([5e11], [r"$5\times10^{11}$"])
    assert picked(figure_rows(fig), "x", "y") == [(5e11, 2)]


def test_intervals_stand_beside_their_points_in_both_directions(drawn):
    fig, axes = drawn()
    axes.errorbar([1, 2], [10, 20], yerr=[[1, 2], [3, 4]], xerr=0.5, label="nosso", fmt="o")
    names = ("series", "x", "y", "x_low", "x_high", "y_low", "y_high")
    assert picked(figure_rows(fig), *names) == [
        ("nosso", 1, 10, 0.5, 1.5, 9, 13), ("nosso", 2, 20, 1.5, 2.5, 18, 24)
    ]  # fmt: skip


def test_a_band_is_called_by_the_name_that_the_legend_gives_its_colour(drawn):
    fig, axes = drawn()
    axes.plot([1, 2, 3], [5, 6, 7], color="C1", label="raridade")
    axes.fill_between([1, 2, 3], [4, 5, 6], [6, 7, 9], color="C1", alpha=0.2)
    axes.plot([1], [1], color="C4")
    axes.errorbar([9], [9], yerr=1, color="C2", label="v2")
    axes.legend()
    rows = picked(figure_rows(fig), "series", "x", "y", "y_low", "y_high")
    assert rows.pop(0) == ("v2", 9, 9, 8, 10)
    assert rows[3] == ("1", 1, 1, None, None)  # the first without a name
    assert rows[4:] == [("raridade", x, None, x + 3, h) for x, h in ((1, 6), (2, 7), (3, 9))]


def test_points_maps_and_labels_have_rows_and_what_is_not_drawn_has_none(drawn):
    fig, (one, two) = drawn(ncols=2)
    one.scatter([1, 2], [3, float("nan")], label="modelo")
    one.annotate("Llama", (1, 3), (5, 0), textcoords="offset points")
    two.imshow([[0.5, float("nan")], [0.25, 1.0]])
    fig.colorbar(two.images[0])
    names = ("x", "y", "value", "text")
    assert picked(figure_rows(fig), *names) == [
        (1, 3, None, None), (1, 3, None, "Llama"),
        (0, 0, 0.5, None), (0, 1, 0.25, None), (1, 1, 1.0, None),
    ]  # fmt: skip


def test_the_file_holds_filled_columns_alone_and_is_read_back_as_drawn(drawn, tmp_path):
    fig, axes = drawn()
    axes.plot([0.1, 0.2], [1 / 3, 2e9], label='a "b", c')
    path = write_figure(tmp_path, "fig-x", fig, "pt")[2]
    assert path.name == "fig-x.csv"
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    assert rows == [
        ["series", "x", "y"],
        ['a "b", c', "0.1", "0.3333333333"],
        ['a "b", c', "0.2", "2000000000"],
    ]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=5))
def test_no_point_is_lost_or_moved(points):
    fig, axes = plt.subplots()
    axes.plot(*zip(*points, strict=True), label="x")
    written = list(csv.DictReader(figure_csv(fig).splitlines()))
    plt.close(fig)
    read = [(float(row["x"]), float(row["y"])) for row in written]
    assert read == [pytest.approx(point, rel=1e-9) for point in points]
