"""What fits where, and what strategies are worth, against hand calculation."""

from pathlib import Path

import pytest

from brnb.chapters import economics

ROOT = Path(__file__).parents[2]


def test_where_the_approaches_of_table_5_fit():
    frame = economics.tab_feasibility_gpus(["rtx3080", "a100_80gb", "h200_sxm"], "en")
    assert list(frame["RTX 3080"]) == ["no", "yes", "yes", "no"]
    assert list(frame["A100 80 GB SXM"]) == ["no", "yes", "yes", "yes"]
    assert list(frame["H200 SXM"]) == ["yes"] * 4


@pytest.fixture
def two_strategies(monkeypatch):
    """One is all of everything, the other nothing: w1 - w2 - w3 - w4 against 0."""

    def matrix(weights, risks):
        w = weights
        return {"all": w["performance"] - w["cost"] - w["time"] - w["risk"], "nothing": 0.0}

    monkeypatch.setattr(economics, "decision_matrix", matrix)


def test_share_of_weights_by_hand(two_strategies):
    # On the simplex of four weights P(w1 > 1/2) = (1/2)^3.
    weights = {"performance": 0.7, "cost": 0.1, "time": 0.1, "risk": 0.1}
    frame = economics.tab_decision(weights, {}, 40_000, seed=13)
    assert frame["best_share"][0] == pytest.approx(12.5, abs=0.5)  # 3 standard errors
    assert frame["utility"][0] == pytest.approx(0.4)


def test_shares_are_the_same_for_the_same_seed():
    weights = {"performance": 0.4, "cost": 0.3, "time": 0.2, "risk": 0.1}
    risks = {"Alto": 0.8, "Médio": 0.5, "Baixo": 0.2}
    first, second = (economics.tab_decision(weights, risks, 1000, 13) for _ in range(2))
    assert first.equals(second)
    assert first["best_share"].sum() == pytest.approx(100)
    assert first["utility"][1] == pytest.approx(0.285)  # 0.34 - 0.015 - 0.02 - 0.02


def test_every_risk_of_table_6_has_an_answer_and_something_that_shows_it():
    frame = economics.tab06("pt")
    assert list(frame["risk"][:2]) == ["Falha de GPU", "Overflow de memória"]
    for evidence in ", ".join(frame["shown_by"]).split(", "):
        assert evidence.startswith("tab-") or (ROOT / evidence).is_file()
