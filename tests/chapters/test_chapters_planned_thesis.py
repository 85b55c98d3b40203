"""The dissertation's own trainings on rented GPUs, against its tables added up by hand."""

from decimal import Decimal

import pytest

from brnb.chapters.planned_thesis import RENTED, say_plan_thesis, tab_plan_thesis
from brnb.theory.measured import measured_trainings

PRICES = {"RTX 4090": "0.30", "RTX 3090": "0.13", "H200 SXM": "3.59"}  # Table 2; RunPod's list


@pytest.fixture(scope="module")
def planned():
    measured = [fact.measured for fact in measured_trainings()]
    return tab_plan_thesis(measured, 10e6, "vast_ai_p25", "en")


def test_the_printed_rows_are_those_of_tables_1_3_and_4(planned):
    printed = planned[planned["source"] == "Published"].set_index("run")
    assert len(printed) == 13
    assert str(printed.loc["v3", "hours"]) == "2.0"  # with its decimals
    assert printed.loc["v6_rc16k_v5b_aligned", "usd"] == Decimal("4.98")
    assert printed.loc["v1", "tokens_million"] == pytest.approx(13_880)
    assert printed.loc["cpt_qlora_llama31_8b_brwac10k", "tokens_million"] is None
    assert sum(printed["hours"]) == Decimal("50.91")
    assert sum(printed["usd"]) == Decimal("11.60")


def test_a_plan_costs_its_hours_at_the_price_of_the_list(planned):
    rows = planned[planned["source"] == "Planned"]
    trainings, totals = rows[rows["run"] != "Total"], rows[rows["run"] == "Total"]
    assert len(trainings) == 13 * len(RENTED)
    for _, row in trainings.iterrows():
        cost = row["hours"] * float(PRICES[row["gpu"]])
        assert float(row["usd"]) == pytest.approx(cost)
    for _, row in totals.iterrows():
        alike = trainings[trainings["gpu"] == row["gpu"]]
        assert row["hours"] == pytest.approx(sum(alike["hours"]))


def test_the_memory_of_an_8b_model_in_four_bits_fits_the_cards_of_the_dissertation(planned):
    rows = planned[planned["source"] == "Planned"].set_index(["run", "gpu"])
    assert 5 < rows.loc[("cpt_qlora_llama31_8b_brwac10k", "RTX 4090"), "gb"] < 24
    assert rows.loc[("v1", "RTX 4090"), "gb"] is None  # recurrent: not counted


def test_the_sentence_has_the_sums(planned):
    said = say_plan_thesis(planned, "en")
    assert said.startswith("Published: 13 trainings, 50.9 h and US$ 11.60.")
    assert said.count("Planned on") == len(RENTED)
