"""Bars: in the language of the run, named, and none of them in the notebook of a batch."""

import io
from types import SimpleNamespace

import pytest

from brnb import progress
from brnb.progress import Bar, Paused
from brnb.train.progress import titled


@pytest.fixture(autouse=True)
def _portuguese():
    progress.speak("pt")
    yield
    progress.speak("pt")


@pytest.fixture
def watched(monkeypatch):
    """A person waits for the cell; returns the outputs that were displayed."""
    shown = []

    def display(box, display_id):
        shown.append(box)
        return SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    monkeypatch.setattr(progress, "is_watched", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    return shown


@pytest.mark.parametrize(
    ("amount", "pt", "en"),
    [(7, "7", "7"), (999, "999", "999"), (9999, "10 mil", "10 k"), (1_250_000, "1,25 mi", "1.25 M"),
     (3.76e9, "3,76 bi", "3.76 B"), (999_600, "1 mi", "1 M"), (0.5, "0,5", "0.5")],
)  # fmt: skip
def test_amounts_have_three_digits_and_words(amount, pt, en):
    assert progress._short(amount) == pt
    progress.speak("en")
    assert progress._short(amount) == en


def test_whoever_watches_sees_amount_speed_and_time_left(watched):
    bar = Bar(desc="v1", total=2_000_000, unit="token")
    now = bar._time()
    bar._time = lambda: now  # ten seconds gone, however long this test waits for its turn
    bar.n, bar.start_t = 500_000, now - 10  # 50 thousand a second
    bar.refresh()
    name, gauge, said = watched[0].children
    assert (name.value, gauge.value) == ("v1", 0.25)
    assert said.value == "500 mil de 2 mi tokens · 50 mil/s · falta 00:30"
    bar.close()
    assert watched[1] == "v1: 500 mil tokens · 50 mil/s · em 00:10"


def test_the_button_stops_where_it_is_asked_to_and_is_gone_in_the_end(watched):
    bar = Bar(desc="v1", total=10)
    bar.pause_if_asked()
    bar.offer_pause()
    button = watched[0].children[3]
    button.click()
    assert bar.pause_is_asked
    assert button.disabled
    with pytest.raises(Paused), bar:
        bar.pause_if_asked()
    assert len(watched[0].children) == 3


def test_a_batch_has_lines_on_the_terminal_and_no_button(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(progress, "_terminal", lambda: terminal)
    with Bar(desc="corpus", total=1000, unit="document") as bar:
        bar.offer_pause()
        bar.update(1000)
        assert not bar.pause_is_asked
    assert "corpus: 100%" in terminal.getvalue()


def test_each_of_several_trainings_has_a_name():
    class Training(SimpleNamespace):
        def model_copy(self, update):
            return Training(**vars(self) | update)

    assert titled(Training(run_id="v7"), "muon", 13).run_id == "v7 · muon · 13"
