"""Costs against the dissertation's printed tables and hand calculation."""

from decimal import Decimal
from fractions import Fraction

import pytest
from cost_tables import cost_tables
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory import costs
from brnb.thesis import load

H = 3600


@pytest.mark.parametrize(("value", "places", "rounded"), [
    ("0.705", 2, "0.71"), (0.705, 2, "0.71"), ("0.115", 2, "0.12"), (2.675, 2, "2.68"),
    ("-0.705", 2, "-0.71"), ("1.565", 2, "1.57"), (5, 2, "5.00"), ("2.5", 0, "3"),
])  # fmt: skip
def test_half_up_on_the_literal(value, places, rounded):
    assert str(costs.half_up(value, places)) == rounded


def test_the_case_that_binary_rounding_loses():
    assert costs.gpu_cost("2.35", "0.30") == Decimal("0.705")
    assert str(costs.half_up(costs.gpu_cost(2.35, 0.30))) == "0.71"
    assert round(2.675, 2) == 2.67  # why: Python's own rounding


@given(st.decimals(min_value=0, max_value=10**6, places=4))
def test_half_up_is_the_nearest_cent(value):
    cents = Fraction(value) * 100
    expected = (cents + Fraction(1, 2)).__floor__()
    assert costs.half_up(value) * 100 == expected


@pytest.mark.parametrize("value", ["abc", "nan", "inf", float("nan"), ""])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="number"):
        costs.half_up(value)


def test_negative_hours_are_refused():
    with pytest.raises(ValueError, match="negative"):
        costs.gpu_cost(-1, "0.30")


@pytest.mark.parametrize("row", load("published", "tab03", "rows"), ids=lambda r: r["run"])
def test_every_row_of_table_3(row):
    assert str(costs.half_up(costs.gpu_cost(row["hours"], row["price_usd_hour"]))) == row["usd"]


def test_published_tables_agree_with_themselves():
    for key, frame in cost_tables().items():
        assert list(frame["agrees"]) == [True] * len(frame), key
    total = cost_tables()["tab04"].iloc[-1]
    assert (total["hours_recomputed"], total["usd_recomputed"]) == (
        Decimal("5.22"),
        Decimal("1.57"),
    )


def test_a_receipt_by_hand():
    cost = costs.receipt_cost(
        {"run": "v1", "seconds": 2 * H, "gpu": "NVIDIA GeForce RTX 4090", "tokens": 3_000_000_000}
    )
    assert cost.gpu == "RTX 4090"
    assert (cost.hours, cost.usd_per_hour, cost.usd) == (2, Decimal("0.30"), Decimal("0.60"))
    assert cost.brl == Decimal("0.60") * Decimal("5.3843")
    assert (cost.kwh, cost.kwh_estimated) == (Decimal("0.9"), True)  # 2 h at 450 W
    assert cost.tokens_per_usd == 5_000_000_000
    assert cost.why is None


def test_measured_energy_wins_over_the_power_limit():
    receipt = {"run": "v1", "seconds": H, "gpu": "NVIDIA H200", "energy_joules": 1_800_000}
    cost = costs.receipt_cost(receipt)
    assert (cost.kwh, cost.kwh_estimated) == (Decimal("0.5"), False)


@pytest.mark.parametrize(("gpu", "why"), [
    (None, "no GPU"), ("NVIDIA H200", "no price in list vast_ai_p25"),
    ("Radeon <b>", "not in brnb/thesis/hardware.yaml"),
])  # fmt: skip
def test_a_missing_price_is_missing_loudly(gpu, why):
    cost = costs.receipt_cost({"run": "v1", "seconds": H, "gpu": gpu})
    assert (cost.usd, cost.brl, cost.tokens_per_usd) == (None, None, None)
    assert why in cost.why


def test_our_runs_stand_beside_and_below():
    tables = cost_tables([
        {"run": "v3", "seconds": H, "gpu": "NVIDIA GeForce RTX 3090"},
        {"run": "corpus", "seconds": 36, "gpu": None},
    ])  # fmt: skip
    frame = tables["tab03"].set_index("run")
    assert frame.loc["v3", "usd_ours"] == Decimal("0.13")
    assert frame.loc["v3", "usd_published"] == Decimal("0.14")
    assert frame.index[-1] == "corpus"
    assert frame.loc["corpus", "usd_published"] is None
    assert frame.loc["corpus", "hours_ours"] == Decimal("0.01")
    assert frame.loc["corpus", "usd_ours"] is None


def test_a_partial_total_is_no_total():
    one = {"run": "cpt_qlora_llama31_8b_brwac10k", "seconds": H, "gpu": "NVIDIA GeForce RTX 4090"}
    runs = [row["run"] for row in load("published", "tab04", "rows")]
    assert cost_tables([one])["tab04"].iloc[-1]["usd_ours"] is None
    complete = cost_tables([{**one, "run": run} for run in runs])["tab04"].iloc[-1]
    assert (complete["hours_ours"], complete["usd_ours"]) == (3, Decimal("0.90"))


def test_tokens_per_usd_of_nothing():
    assert costs.tokens_per_usd(10, 0) is None


def test_a_gpu_without_a_price_in_the_dissertation_gets_a_dated_list_that_has_one():
    assert costs.price_list_for("NVIDIA GeForce RTX 4090") == "vast_ai_p25"
    assert costs.price_list_for("NVIDIA H200") == "runpod_community_2026_09"
    assert costs.price_list_for(None) == costs.price_list_for("unknown") == "vast_ai_p25"


def test_negative_seconds_name_the_run():
    with pytest.raises(ValueError, match=r"receipt of v1: seconds = -3"):
        costs.receipt_cost({"run": "v1", "seconds": -3, "gpu": None})


def test_an_unknown_list_or_rate_names_file_and_key():
    receipt = {"run": "v1", "seconds": H, "gpu": None}
    with pytest.raises(KeyError, match=r"prices.yaml has no 'none' at usd_per_hour; it has"):
        costs.receipt_cost(receipt, price_list="none")
    with pytest.raises(KeyError, match=r"prices.yaml has no 'eur' at brl_per_usd; it has"):
        costs.receipt_cost(receipt, exchange_rate="eur")


@pytest.mark.parametrize("price", ["-1", "free"])
def test_a_bad_price_names_file_list_and_gpu(price, monkeypatch):
    def load_bad(name, *keys):
        return {"rtx4090": price} if keys[-1:] == ("prices",) else load(name, *keys)

    monkeypatch.setattr(costs, "load", load_bad)
    with pytest.raises(ValueError, match=r"prices.yaml: usd_per_hour/vast_ai_p25/prices/rtx4090"):
        costs.receipt_cost({"run": "v1", "seconds": H, "gpu": "NVIDIA GeForce RTX 4090"})
