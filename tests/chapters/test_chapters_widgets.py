"""Widgets as they answer to what is chosen, and what stands for them in a batch."""

import pytest

from brnb.chapters import plan_widget, sample_widget
from brnb.generate.samples import Sample
from brnb.theory.measured import measured_trainings
from brnb.theory.params import Case

SAMPLES = {
    run: [Sample("O <b>Brasil", seed, f"{run} & {seed}", []) for seed in (1, 2)]
    for run in ("v1", "v2", "v7")
}
CASE = {"method": "full", "batch": 32, "seq_len": 512, "gpu": "rtx4090", "shape": "v6"}
CASES = [Case(name="a", tokens=1e9, count=1, **CASE), Case(name="b", tokens=2e9, count=2, **CASE)]
LISTS = ("vast_ai_p25", "ptax_2025_10_31", "pt")


@pytest.fixture
def watched(monkeypatch):
    for module in (plan_widget, sample_widget):
        monkeypatch.setattr(module, "is_watched", lambda: True)


def test_in_a_batch_a_table_stands_for_a_widget(capsys):
    assert sample_widget.compare_samples(SAMPLES, "pt") is None
    assert "o mesmo está em tab-published-samples" in capsys.readouterr().out
    assert plan_widget.try_plan(CASES, [], *LISTS) is None
    assert "tab-plan-cost" in capsys.readouterr().out


def test_samples_of_the_first_and_last_version_and_then_of_what_is_chosen(watched):
    left, right = (
        column.children for column in sample_widget.compare_samples(SAMPLES, "pt").children
    )
    assert left[1].value.count("O &lt;b&gt;Brasil") == 1  # the prompt once, and escaped
    assert "v1 &amp; 1" in left[1].value
    assert "v7 &amp; 2" in right[1].value
    right[0].value = "v2"
    assert "v2 &amp; 2" in right[1].value
    assert "v7" not in right[1].value


def test_a_plan_follows_its_sliders(watched):
    known = [fact.measured for fact in measured_trainings()]
    menu, tokens, gpus, pane = plan_widget.try_plan(CASES, known, *LISTS).children
    # the dissertation's price, 0.30 USD an hour (Table 2): 1.52 h are 0.46 USD
    assert "1,52\N{NO-BREAK SPACE}h, US$ 0,46" in pane.value
    assert pane.value.startswith("1000 milhões de tokens em RTX 4090")
    tokens.value = 4e9
    assert pane.value.startswith("4000 milhões")
    menu.value = "b"
    assert (tokens.value, gpus.value) == (2e9, 2)
    assert "em 2 × RTX 4090" in pane.value
