"""Tables and figures of the modern recipe show what they are given."""

import matplotlib.pyplot as plt
import pytest

from brnb.evaluate.ablation import Race, Row, Worth
from brnb.report.modern import ablation_table, race_table
from brnb.report.plots import modern
from brnb.train.history import History

RACE = Race(target=1.25, baseline_tokens=30e6, tokens=9e6, best=1.2)
LOST = Race(target=1.25, baseline_tokens=30e6, tokens=None, best=1.3)
WORTHS = [
    Worth(Row(None, 5_000_000, (1.0, 1.2, 1.1)), 1.1, 0.1, 0.0, 0.0, 0.0),
    Worth(Row("muon", 5_000_000, (1.3, 1.5, 1.4)), 1.4, 0.1, 0.3, 0.2, 0.4),
    Worth(Row("softcap", 5_000_000, (1.0, 1.2, 1.2)), 1.13, 0.1, 0.03, -0.1, 0.2),
]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_race_table():
    frame = race_table("v6", "v7", RACE)
    assert frame.to_dict("records") == [
        {"run": "v6", "bits_per_byte": 1.25, "tokens_million": 30.0, "token_share": 1.0},
        {"run": "v7", "bits_per_byte": 1.2, "tokens_million": 9.0, "token_share": 0.3},
    ]
    assert race_table("v6", "v7", LOST).loc[1, "token_share"] is None


def test_ablation_table():
    frame = ablation_table(WORTHS, "pt")
    assert list(frame["recipe"]) == ["receita inteira", "sem Muon (AdamW)", "sem softcap"]
    assert list(frame["seeds"]) == [3, 3, 3]
    assert list(frame["helps"])[1:] == [True, None]
    assert frame["change"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("race", [RACE, LOST], ids=["won", "lost"])
def test_race_curves_are_in_bits_per_byte(race):
    history = History(validation=[{"tokens": 2e6, "loss": 4.0}, {"tokens": 4e6, "loss": 3.0}])
    fig = modern.race_curves({"v6": history, "v7": history}, race, 0.5, "pt")
    (axis,) = fig.axes
    assert axis.lines[0].get_xydata().tolist() == [[2, 2], [4, 1.5]]
    assert len(axis.lines) == (5 if race.tokens else 4)
    assert axis.get_ylabel() == "Bits por byte"


def test_ablation_shows_every_seed_beside_the_whole_recipe():
    (axis,) = modern.ablation(WORTHS, "pt").axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == ["sem softcap", "sem Muon (AdamW)"]
    marks = [line.get_xdata() for line in axis.lines if line.get_marker() == "|"]
    seeds = [list(mark) for mark in marks if len(mark) == 3]
    assert [pytest.approx(x) for x in ([0, 0, 0.1], [0.3, 0.3, 0.3])] == seeds
