"""The words of a figure, and where a notebook's readers find them."""

import matplotlib as mpl
import pytest
from IPython.core.formatters import DisplayFormatter

mpl.use("agg")

from matplotlib import pyplot as plt

from brnb.report.figures import figure, write_figure
from brnb.report.picture import Picture, alternative_text


@pytest.fixture
def drawn():
    fig, (left, right) = figure(2.0, ncols=2)
    left.plot([1, 2], [3, 4], label="treino")
    left.set(title="LSTM", xlabel="tokens", ylabel="nats")
    left.legend()
    right.barh([0, 1], [2, 3])
    right.set_yticks([0, 1], ["v1", "v2"])
    yield fig
    plt.close(fig)


def test_the_words_are_caption_axes_categories_and_series(drawn):
    assert alternative_text(drawn, "fig-v1-loss", "pt") == (
        "Curva de perda da v1. LSTM: eixo horizontal, tokens; eixo vertical, nats. "
        "Eixo vertical, v1, v2. Séries: treino."
    )
    assert "horizontal axis, tokens" in alternative_text(drawn, "fig-v1-loss", "en")


def test_a_notebook_shows_the_figure_with_its_words(drawn):
    data, metadata = DisplayFormatter().format(Picture(drawn, "Curva."))
    assert data["image/png"].startswith("iVBOR")  # a PNG in base64
    assert metadata["image/png"]["alt"] == "Curva."
    assert data["text/plain"] == "Curva."  # words, where no picture can be shown


def test_powers_of_ten_are_no_categories(tmp_path):
    fig, axis = figure(2.0)
    axis.set_xlabel("FLOP")
    axis.set_xticks([1, 2], [r"$5\times10^{11}$", "$10^{12}$"])
    assert "times" not in alternative_text(fig, "fig-v1-loss", "pt")
    plt.close(fig)


def test_a_note_stands_above_the_panels_and_takes_nothing_from_them(drawn, tmp_path):
    drawn.canvas.draw()
    before = [axes.get_window_extent().height / drawn.dpi for axes in drawn.axes]
    write_figure(tmp_path, "fig-x", drawn, "pt", note="Perfil smoke")
    drawn.canvas.draw()
    after = [axes.get_window_extent().height / drawn.dpi for axes in drawn.axes]
    assert after == pytest.approx(before, abs=0.02)
    (note,) = drawn.texts
    renderer = drawn.canvas.get_renderer()
    lowest = note.get_window_extent(renderer).y0
    assert all(axes.get_tightbbox(renderer).y1 <= lowest for axes in drawn.axes)
