"""Costs of runs and receipts, against hand calculation and published prices."""

from decimal import Decimal

import pytest

from brnb.chapters import costs
from brnb.report.tables import display
from brnb.theory.costs import receipt_cost
from brnb.theory.trainings import FinishedTraining

H = 3600
H200 = "NVIDIA H200"


def training(name, bits=1.0):
    """A recurrent training of an hour."""
    return FinishedTraining(
        run=name, device=H200, gpu="h200_sxm", tokens=10**9, seconds=H,
        tokens_per_second=10**9 / H, multiplied=10**6, flops_per_token=6e6, layers=1, batch=8,
        shape=None, step=None, peak_bytes=2**31, bits_per_byte=bits, cleaning="v6",
    )  # fmt: skip


def test_costs_of_runs_by_hand():
    card = "NVIDIA GeForce RTX 4090"
    used = [
        {"run": "a", "seconds": 2 * H, "gpu": card},
        {"run": "b", "seconds": H, "gpu": card, "energy_joules": 720_000},
        {"run": "c", "seconds": H, "gpu": None},
    ]
    spent = [receipt_cost(row) for row in used]
    frame = costs.tab_cost_runs(spent, "en").set_index("run")
    assert list(frame["usd"]) == [Decimal("0.60"), Decimal("0.30"), None]
    assert list(frame["kwh"]) == [Decimal("0.9"), Decimal("0.2"), None]  # 450 W; 720 kJ
    assert list(frame["energy_method"]) == ["power limit (estimated)", "NVML counter", None]
    assert frame["kg_co2"].iloc[1] == Decimal("0.2") * Decimal("0.0385")
    assert frame["gpu"].iloc[2] == "CPU"


def test_two_gpus_cost_twice_and_are_named():
    card = "NVIDIA GeForce RTX 4090"
    cost = receipt_cost({"run": "a", "seconds": H, "gpu": card, "gpus": 2})
    assert (cost.usd, cost.kwh) == (Decimal("0.60"), Decimal("0.9"))
    assert costs.tab_cost_runs([cost], "pt")["gpu"][0] == "2 × RTX 4090"


def test_the_grid_is_a_choice():
    cost = receipt_cost({"run": "a", "seconds": H, "gpu": None, "energy_joules": 3_600_000})
    both = [
        costs.tab_cost_runs([cost], "pt", grid)["kg_co2"][0]
        for grid in ("brazil_sin_2023", "brazil_codecarbon")
    ]
    assert both == [Decimal("0.0385"), Decimal("0.098348")]


def test_every_list_that_prices_the_gpu_is_compared():
    used = [{"run": "a", "seconds": 10 * H, "gpu": "NVIDIA H100 80GB HBM3"}]
    frame = costs.tab_cost_price_lists(used, "ptax_2025_10_31", "pt")
    ours = frame[frame["run"] == "a"].set_index("price_list")
    assert ours.loc["cloud_2024", "usd"] == 80
    assert ours.loc["openrelay_2026_09", "brl"] == Decimal("26") * Decimal("5.3843")
    assert len(ours) == 11
    theirs = frame[(frame["gpu"] == "RTX 4090") & (frame["price_list"] == "vast_ai_p25")]
    assert theirs["hours"].tolist() == [Decimal("35.12")]  # 13.3 + 16.6 + 2.35 + 1.06 + 1.81


def test_figures_of_runs_with_and_without_price():
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    runs = [training("small", 2.0), training("large")]
    priced = costs.fig_cost_pareto(runs, {"small": Decimal(1), "large": Decimal(2)}, "en")
    hours = costs.fig_cost_pareto(runs, {"small": Decimal(1), "large": None}, "en")
    labels = [figure.axes[0].get_xlabel() for figure in (priced, hours)]
    assert labels == ["Cost (USD)", "Training time (h)"]
    same = costs.fig_cost_pareto([training("a", 1.8), training("b", 1.80001)], {}, "en")
    low, high = same.axes[0].get_ylim()
    assert high - low == pytest.approx(0.2)
    plt.close("all")


@pytest.mark.parametrize(("lang", "name", "source"), [
    ("pt", "Vast.ai, P25 (dissertação)", "Dissertação, Tabela 2 (seção 4.2.2.2): Vast.ai"),
    ("en", "Vast.ai, P25 (dissertation)", "Dissertation, Table 2 (section 4.2.2.2): Vast.ai"),
])  # fmt: skip
def test_price_lists_have_names_and_sources_in_the_language_of_the_run(lang, name, source):
    rows = display(costs.tab_price_lists(lang), "tab-price-lists", lang=lang).cells
    assert rows[0][:3] == [name, "–", "3"]
    assert rows[0][3].startswith(source)
    assert not any("_" in row[0] for row in rows)  # an id is no name
