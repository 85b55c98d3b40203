"""The tiles of the chosen models hold what the table says of them."""

import matplotlib.pyplot as plt
import pytest

from brnb.chapters.rarity import at_size, fig_chosen_models, fig_rarity_bands, tab_chosen_models
from brnb.rarity import read_models
from brnb.rarity.diversity import compare_choices
from brnb.rarity.score import in_class, latest, rarity_score, select


@pytest.fixture(scope="module")
def models():
    newest = latest(read_models())
    return newest.join(rarity_score(newest))


@pytest.fixture(scope="module")
def choices(models):
    return {"~8B": select(in_class(models, (7, 20)), 5, ["Llama 3.1 8B"])}


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_a_row_of_tiles_and_a_bar_for_each_chosen_model(choices):
    table = tab_chosen_models(choices)
    assert set(table["size_class"]) == {"~8B"}
    tiles, bars = fig_chosen_models(choices, "pt").axes
    names = [text.get_text().removesuffix(" *") for text in tiles.get_yticklabels()]
    assert names == table["model"].tolist()
    cells = [text.get_text() for text in tiles.texts]
    assert cells[0::4] == table["attention"].tolist()
    assert cells[3] == f"{table['context'][0] / 1024:g}K"
    assert [bar.get_width() for bar in bars.patches] == table["score"].tolist()
    assert bars.get_ylim() == tiles.get_ylim()  # a bar stands beside its tiles


def test_the_distribution_ends_at_the_largest_score(models):
    (axis,) = fig_rarity_bands(models["score"], [0.5, 0.9], "en").axes
    x, y = axis.lines[0].get_data()
    assert (x[-1], y[-1]) == (models["score"].max(), 1.0)


def test_methods_are_compared_where_they_choose_as_many(models):
    group = in_class(models, (7, 20))
    comparisons = {"~8B": compare_choices(group, ["Llama 3.1 8B"], [2, 3], 10, 1)}
    diversity = at_size(comparisons, 3)
    assert diversity["method"].tolist() == ["rarity", "max_min", "random"]
    assert diversity["coverage"].between(0, 1).all()
