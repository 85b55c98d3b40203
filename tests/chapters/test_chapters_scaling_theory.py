"""Chapter 22's theory: its tables against the text, and that they print in both languages."""

import numpy as np
import pytest

from brnb.chapters import scaling_budgets as budgets
from brnb.chapters import scaling_costs as costs
from brnb.chapters import scaling_savings as savings
from brnb.chapters import scaling_theory as theory
from brnb.report.tables import display
from brnb.theory.measured import measured_trainings

FACTS = measured_trainings()
MEASURED = [fact.measured for fact in FACTS]
IMPORTANCE = {"embedding": 4.0, "attention": 4.0, "feedforward": 1.0}
TABLES = {
    "tab-kaplan": lambda lang: theory.tab_kaplan(),
    "tab-optimum": theory.tab_optimum,
    "tab-exponents": theory.tab_exponents,
    "tab-training-flops": theory.tab_training_flops,
    "tab-prediction-interval": lambda lang: theory.tab_prediction_interval(),
    "tab-extrapolation": theory.tab_extrapolation,
    "tab-emergence": lambda lang: theory.tab_emergence(),
    "tab-phases": lambda lang: budgets.tab_phases(),
    "tab-saturation": lambda lang: budgets.tab_saturation([1e6, 1e9]),
    "tab-allocation": budgets.tab_allocation,
    "tab-schedule": lambda lang: budgets.tab_schedule(6, [0.0, 0.5]),
    "tab-budget-allocation": lambda lang: budgets.tab_budget_allocation([1e2, 1e6]),
    "tab-pareto": budgets.tab_pareto,
    "tab-full-cost": lambda lang: costs.tab_full_cost(),
    "tab-known-models": lambda lang: costs.tab_known_models(),
    "tab-tiers": costs.tab_tiers,
    "tab-tier-energy": lambda lang: costs.tab_tier_energy(),
    "tab-tier-specifications": costs.tab_tier_specifications,
    "tab-roadmap": lambda lang: costs.tab_roadmap(MEASURED, lang),
    "tab-lora": lambda lang: savings.tab_lora([8, 64]),
    "tab-rank": lambda lang: savings.tab_rank(32, [0.5, 0.9], seed=1),
    "tab-bits": lambda lang: savings.tab_bits(IMPORTANCE, [3, 4, 6], seed=1),
    "tab-bit-price": lambda lang: savings.tab_bit_price([1e-4, 1e-2], seed=1),
    "tab-checkpointing": lambda lang: savings.tab_checkpointing(FACTS, lang),
    "tab-overhead": lambda lang: savings.tab_overhead([16, 80]),
    "tab-utilities": lambda lang: savings.tab_utilities(),
    "tab-efficiency": lambda lang: savings.tab_efficiency([("v6", 1.2, 1e18, 4e9, None)]),
}
FIGURES = {
    "fig-kaplan-chinchilla": theory.fig_kaplan_chinchilla,
    "fig-chinchilla-optimum": theory.fig_chinchilla_optimum,
    "fig-emergence": theory.fig_emergence,
    "fig-returns": lambda lang: budgets.fig_returns([1e6, 1e9], lang),
    "fig-checkpointing": savings.fig_checkpointing,
}


@pytest.mark.parametrize("lang", ["pt", "en"])
@pytest.mark.parametrize("id", TABLES)
def test_every_table_prints(id, lang):
    frame = TABLES[id](lang)
    assert len(display(frame, id, lang=lang).cells) == len(frame) > 0


@pytest.mark.parametrize("id", FIGURES)
def test_every_figure_is_drawn(id):
    figure = FIGURES[id]("pt")
    assert all(axis.lines for axis in figure.axes)


def test_kaplan_slopes_are_those_of_the_text_and_others():
    frame = theory.tab_kaplan().set_index("variable")
    assert frame["slope_published"].tolist() == [2.1e-12, 1.8e-13, 3.4e-22]
    # 0.076 * 8800^0.076 / 1e10 and 0.095 * 540^0.095 / 1e11, by hand
    assert frame.loc["N", "slope_recomputed"] == pytest.approx(1.516e-11, rel=1e-3)
    assert frame.loc["D", "slope_recomputed"] == pytest.approx(1.727e-12, rel=1e-3)
    assert frame["elasticity"].astype(float).idxmax() == "D"


def test_the_printed_allocation_always_loses_more():
    frame = theory.tab_optimum("en")
    losses = frame.pivot(index="flops", columns="law", values="predicted_loss").astype(float)
    assert (losses["Hoffmann et al. (2022)"] <= losses.min(axis=1) + 1e-12).all()
    assert losses.loc[1e26, "as printed"] == pytest.approx(1.832, abs=1e-3)  # C.43 prints 1.72


def test_training_flops_of_the_text():
    frame = theory.tab_training_flops("en").set_index("part")
    # 129.6 L d^2 and 72 L d^2 of GPT-3, 96 x 12288^2
    squares = 96 * 12288**2
    assert frame.loc["training (C.32)", "gflops_published"] == pytest.approx(129.6e-9 * squares)
    assert frame.loc["training (C.32)", "gflops_recomputed"] == 72 * squares / 1e9
    assert frame.loc["6N (C.33)", "ratio"] == 1


def test_longer_answers_rise_in_fewer_decades():
    decades = theory.tab_emergence()["decades"].astype(float)
    assert decades.is_monotonic_decreasing


def test_bounds_of_the_allocation_hold():
    frame = budgets.tab_allocation("en")
    big = frame[frame["constraint"] == "N ≥ 100 billion"]
    assert (big["parameters_billion"].astype(float) > 99.99).all()
    assert (frame["flops"].astype(float) < 1e25 * 1.001).all()
    cheap, hasty = (frame[frame["aim"] == aim]["flops"].iloc[0] for aim in
                    ("performance and cost", "performance, cost and time"))  # fmt: skip
    assert hasty < cheap < 1e25


def test_gpt3_is_furthest_from_its_optimum():
    frame = budgets.tab_pareto("en").set_index("model")
    assert frame["above_optimum"].astype(float).idxmax() == "GPT-3"
    # 1.69 + 406.4 / 175e9^0.34 + 410.7 / 300e9^0.28, by hand
    assert frame.loc["GPT-3", "predicted_loss"] == pytest.approx(2.002, abs=1e-3)
    assert frame["pareto"][1::2].all()  # no model beats the optimal one of its compute
    assert not frame["pareto"][::2].any()


def test_tiers_are_off_by_what_the_equations_are():
    frame = costs.tab_tiers("en").set_index(["tier", "quantity"])["ratio"].astype(float)
    one = frame["Infraestrutura de Pesquisa Global"]
    assert one["energy (USD)"] == pytest.approx(62 / 6.279, rel=1e-3)
    assert one["days of training"] == pytest.approx(148 / 1718.9, rel=1e-3)
    assert one["hardware (USD)"] == 1
    three = costs.tab_tier_specifications("en").set_index(["tier", "quantity"])["ratio"]
    assert three["Laboratório Universitário"]["bandwidth (TB/s)"] == pytest.approx(26 / 32.256)


def test_a_roadmap_without_a_deadline_is_priced_too():
    frame = costs.tab_roadmap(MEASURED, "en").set_index("phase")
    assert len(frame) == 6
    assert frame["usd"].notna().all()
    assert frame.loc["Phase 1: proof of concept", "usd"] < 100
    assert not frame.loc["Phase 2: a working product", "fits"]  # 16 bytes of 13e9 on 80 GB
    short, medium = frame["usd"].iloc[:2]
    assert medium == pytest.approx(5 * short, rel=1e-6)


def test_full_cost_adds_up():
    frame = costs.tab_full_cost().set_index("model")
    parts = [name for name in frame if str(name).endswith("_usd") and name != "total_usd"]
    np.testing.assert_allclose(
        frame[parts].sum(axis=1).astype(float), frame["total_usd"].astype(float)
    )
    # six months at 5000 USD, by hand; compute is a dollar
    assert frame.loc["v6", "people_usd"] == 30_000
    assert frame.loc["v6", "compute_usd"] < 2


def test_bits_fit_their_budget_and_beat_even_ones_where_they_are_spent():
    frame = savings.tab_bits(IMPORTANCE, [3, 4, 6], seed=1).astype(float)
    assert (frame["bits_used"] <= frame["bits_allowed"] + 1e-9).all()
    better = frame["error_allocated"] <= frame["error_even"]
    assert better.tolist() == [True, True, False]
    assert frame["bits_used"].iloc[2] < 5  # the multiplier jumps over what 6 would allow


def test_measured_recomputation_is_of_the_same_batch():
    frame = savings.tab_checkpointing(FACTS, "en").set_index(["program", "batch"])
    # 9302 / 5654 and 10726 / 7576 tokens a second, from measured.yaml
    assert frame.loc[("PEFT", 1), "overhead_measured"] == pytest.approx(64.5, abs=0.1)
    assert frame.loc[("PEFT", 4), "overhead_measured"] == pytest.approx(41.6, abs=0.1)


def test_the_utility_of_lora_is_not_the_printed_one():
    frame = savings.tab_utilities().set_index("strategy")
    row = frame.loc["Fine-tuning + LoRA"]
    assert (row["utility_published"], row["utility_recomputed"]) == (0.295, pytest.approx(0.285))
