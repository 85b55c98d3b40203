"""Tables and figures of the modern recipe show what they are given."""

import matplotlib.pyplot as plt
import pytest

from brnb.chapters import recipe
from brnb.chapters.recipe import tab_v7_ablation, tab_v7_race
from brnb.studies.ablation import AblationRow, Race, Worth
from brnb.studies.contest import Lead
from brnb.studies.unseen import RegisterLead
from brnb.train.history import History

RACE = Race(target=1.25, baseline_tokens=30e6, tokens=9e6, best=1.2)
LOST = Race(target=1.25, baseline_tokens=30e6, tokens=None, best=1.3)
WORTHS = [
    Worth(AblationRow(None, 5_000_000, (1.0, 1.2, 1.1)), 1.1, 0.1, 0.0, 0.0, 0.0),
    Worth(AblationRow("muon", 5_000_000, (1.3, 1.5, 1.4)), 1.4, 0.1, 0.3, 0.2, 0.4),
    Worth(AblationRow("softcap", 5_000_000, (1.0, 1.2, 1.2)), 1.13, 0.1, 0.03, -0.1, 0.2),
]


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_race_table():
    sizes = {
        "v6": History(parameters=34_000_000, tokens=30_000_000, seconds=20.0),
        "v7": History(parameters=75_000_000, tokens=10_000_000, seconds=12.0),
    }
    batches = {"v6": 32, "v7": 16}
    frame = tab_v7_race(sizes, RACE, batches).set_index("run")
    assert list(frame["batch"]) == [32, 16]
    # 9 of 10 million tokens in 12 s are 10.8 s, and 30 of 30 in 20 s all of them
    assert list(frame["time_share"]) == pytest.approx([1.0, 0.54])
    assert list(frame["parameters_million"]) == [34.0, 75.0]
    assert list(frame["bits_per_byte"]) == [1.25, 1.2]
    assert list(frame["tokens_million"]) == [30.0, 9.0]
    assert list(frame["token_share"]) == [1.0, 0.3]
    assert tab_v7_race(sizes, LOST, batches).loc[1, "token_share"] is None


def test_unseen_registers_and_leads_on_both_texts():
    compared = [RegisterLead("", 4, 1.5, 1.25, -0.25, -0.5, 0.0),
                RegisterLead("fala", 1, 1.0, 1.5, 0.5, None, None)]  # fmt: skip
    frame = recipe.tab_v7_unseen(compared, "en")
    assert frame["register"].tolist() == ["all", "fala"]
    assert frame["challenger_bits_per_byte"].tolist() == [1.25, 1.5]
    assert frame["ci_low"].tolist() == [-0.5, None]
    leads = [Lead(text, "flop", -0.1, -0.2, 0.0) for text in ("test", "unseen")]
    assert recipe.tab_v7_leads(leads, "en")["text"].tolist() == ["test", "unseen registers"]


def test_ablation_table():
    frame = tab_v7_ablation(WORTHS, "pt")
    assert list(frame["recipe"]) == ["receita inteira", "sem Muon (AdamW)", "sem softcap"]
    assert list(frame["seeds"]) == [3, 3, 3]
    assert list(frame["helps"])[1:] == [True, None]
    assert list(tab_v7_ablation(WORTHS[:1], "pt")) == list(frame)  # as the first row alone
    assert frame["change"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("race", [RACE, LOST], ids=["won", "lost"])
def test_race_curves_are_in_bits_per_byte(race):
    history = History(validation=[{"tokens": 2e6, "loss": 4.0}, {"tokens": 4e6, "loss": 3.0}])
    history.parameters = 33_900_000
    fig = recipe.fig_v7_race({"v6": history, "v7": history}, race, 0.5, "pt")
    (axis,) = fig.axes
    assert axis.lines[0].get_xydata().tolist() == [[2, 2], [4, 1.5]]
    assert len(axis.lines) == (5 if race.tokens else 4)
    assert axis.get_ylabel() == "Bits por byte"
    assert [x.get_text() for x in axis.get_legend().get_texts()] == ["v6 (34 M)", "v7 (34 M)"]


def test_ablation_shows_every_seed_beside_the_whole_recipe():
    (axis,) = recipe.fig_v7_ablation(WORTHS, "pt").axes
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert names == ["sem softcap", "sem Muon (AdamW)"]
    strips = [c.get_offsets() for c in axis.collections if len(c.get_offsets()) == 3]
    seeds = [strip[:, 0].tolist() for strip in strips]
    assert [pytest.approx(x) for x in ([0, 0, 0.1], [0.3, 0.3, 0.3])] == seeds
    assert [set(strip[:, 1]) for strip in strips] == [{0.0}, {1.0}]
