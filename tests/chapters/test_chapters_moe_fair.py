"""Chapter 17's fair comparison: frames of the studies become tables and figures."""

import numpy as np
import pandas as pd
import pytest

from brnb.chapters import moe_fair
from brnb.report.tables import display


def quality():
    rows = [
        {"form": form, "budget": budget, "seed": seed, "parameters_total": 100,
         "parameters_active": 60, "flops_per_token": 360.0, "tokens": 1000, "seconds": 2.0,
         "tokens_per_second": 500.0, "loss": 3.0, "bits_per_byte": bits + 0.1 * seed}
        for form, bits in (("moe", 2.0), ("dense_active", 2.1), ("dense_total", 1.9))
        for budget in ("tokens", "time")
        for seed in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_quality_is_a_mean_over_seeds():
    table = moe_fair.tab_moe_quality(quality(), "en")
    assert len(table) == 6
    row = table.iloc[0]
    assert (row["form"], row["equal_in"], row["seeds"]) == ("MoE", "tokens", 3)
    assert row["bits_per_byte"] == pytest.approx(2.1)
    assert row["deviation"] == pytest.approx(0.1)
    for lang in ("pt", "en"):
        display(moe_fair.tab_moe_quality(quality(), lang), "tab-moe-quality", lang=lang)


def test_every_training_is_a_point():
    panels = moe_fair.fig_moe_quality(quality(), "pt").axes
    assert [sum(len(line.get_xdata()) for line in axis.lines) for axis in panels] == [9, 9]


def test_a_comparison_has_its_verdict_in_words():
    frame = pd.DataFrame([
        {"budget": "time", "rival": "dense_total", "seeds": 3, "moe": 2.0, "rival_bits": 2.1,
         "change": -0.1, "low": -0.2, "high": -0.05, "verdict": "better"},
    ])  # fmt: skip
    table = moe_fair.tab_moe_comparison(frame, "pt")
    assert table.loc[0, ["equal_in", "rival", "verdict"]].tolist() == [
        "tempo", "densa, totais iguais", "melhor",
    ]  # fmt: skip
    display(table, "tab-moe-comparison", lang="pt")


def test_load_and_entropy_are_by_layer():
    load = pd.DataFrame([
        {"seed": s, "layer": layer, "expert": e, "share": 0.25, "uniform": 0.25}
        for s in range(2) for layer in range(2) for e in range(4)
    ])  # fmt: skip
    panels = moe_fair.fig_moe_load(load, "en").axes
    assert [axis.get_title() for axis in panels] == ["Layer 1", "Layer 2"]
    entropy = pd.DataFrame([
        {"seed": s, "layer": layer, "token_entropy": 1.0 + s, "load_entropy": 2.0, "largest": 2.0,
         "imbalance": 1.0}
        for s in range(2) for layer in range(2)
    ])  # fmt: skip
    table = moe_fair.tab_moe_entropy(entropy)
    assert table["layer"].tolist() == [1, 2]
    assert table["token_entropy"].tolist() == [1.5, 1.5]
    display(table, "tab-moe-entropy", lang="pt")


def test_the_map_of_registers_shows_the_first_seed():
    rows = [
        {"seed": seed, "layer": layer, "register": name, "expert": e, "share": 0.5,
         "lift": 2.0 if (seed, name, e) == (3, "register_law", 0) else 1.0}
        for seed in (3, 4) for layer in range(2)
        for name in ("register_law", "own") for e in range(2)
    ]  # fmt: skip
    figure = moe_fair.fig_moe_registers(pd.DataFrame(rows), "en")
    first = figure.axes[0]
    assert [text.get_text() for text in first.get_yticklabels()] == ["laws and rulings", "own"]
    np.testing.assert_allclose(first.images[0].get_array(), [[1, 0], [0, 0]])


def test_specialisation_and_costs_are_printed():
    special = pd.DataFrame([
        {"seed": 3, "layer": 0, "information": 0.02, "chance": 0.01, "specialised": np.True_},
    ])  # fmt: skip
    table = moe_fair.tab_moe_specialisation(special)
    assert table["layer"].tolist() == [1]
    assert "yes" in display(table, "tab-moe-specialisation", lang="en").cells[0]
    costs = pd.DataFrame([
        {"engine": engine, "tokens": tokens, "direction": "forward", "milliseconds": 2.0,
         "routing_milliseconds": 0.5, "routing_share": 0.25, "dense_milliseconds": 1.0,
         "overhead": 2.0}
        for engine in ("loop", "grouped") for tokens in (16, 64)
    ])  # fmt: skip
    table = moe_fair.tab_moe_routing_cost(costs, "pt")
    assert table["engine"].tolist()[::2] == ["laço sobre especialistas", "produtos agrupados"]
    display(table, "tab-moe-routing-cost", lang="pt")
    (axis,) = moe_fair.fig_moe_engines(costs, "pt").axes
    assert len(axis.lines) == 3  # two engines and the dense block
