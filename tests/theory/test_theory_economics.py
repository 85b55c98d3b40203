"""Equations C.50 to C.94 against hand calculation and the dissertation's own numbers."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb.theory import budget, decision, tradeoffs
from brnb.theory.lora import compression_ratio


def test_cost_of_compute():
    # A100 at 3.06 USD/h and 312 TFLOP/s: 2.724e-18 USD a FLOP; GPT-3 at 0.4 costs 2.15 million
    of_flop = budget.usd_per_flop(3.06, 312)
    assert of_flop == pytest.approx(2.7244e-18, rel=1e-4)
    assert budget.compute_cost(175e9, 300e9, of_flop, 0.4) == pytest.approx(2.145e6, rel=1e-3)
    with pytest.raises(ValueError, match="utilization"):
        budget.compute_cost(1, 1, 1, 0)


def test_cost_of_storage_network_and_the_sum():
    assert budget.storage_cost(2.68e9, 4, 0.02, replication=3) == pytest.approx(0.6432)
    assert [budget.links(p, "ring") for p in (1, 2, 3, 8)] == [0, 1, 3, 8]
    assert [budget.links(p, "all-to-all") for p in (1, 2, 3, 8)] == [0, 1, 3, 28]
    assert budget.network_cost(28, 0.1, 10) == pytest.approx(28)
    assert budget.total_cost(1, 2, 3, 4, 5) == 15
    with pytest.raises(ValueError, match="nodes = 0"):
        budget.links(0, "ring")


def test_the_printed_cost_of_storage_forgets_the_giga():
    ours = budget.storage_cost(1e12, 2, 0.023, replication=3)
    assert ours == pytest.approx(138)  # 2 TB three times at 23 USD a TB
    assert budget.printed_storage_cost(1e12, 2, 0.023, 3) / ours == pytest.approx(1e9)


def test_clusters_of_the_tiers():
    # C.2.2.1: 2.02 EFLOP/s, 163 TB, 6.8 PB/s; C.2.2.3: 2.6 PFLOP/s, 768 GB and 26 TB/s
    one, three = budget.cluster("h100_sxm", 2048), budget.cluster("rtx4090", 32)
    assert one["flops"] == pytest.approx(2.02e18, rel=0.01)
    assert one["memory"] == pytest.approx(163.84e12)
    assert three["memory"] == 768e9
    assert three["bandwidth"] == pytest.approx(32.256e12)
    assert three["flops"] == pytest.approx(2 * 2.6e15, rel=0.02)  # tensor cores: twice


def test_energy_of_the_tiers_by_hand():
    # 2048 * 0.7 kW * 43,800 h * 0.10; 256 * 0.4 * 26,280 * 0.12; 32 * 0.45 * 17,520 * 0.15
    assert budget.energy_cost(2048, 700, 5, 0.10) == pytest.approx(6_279_168)
    assert budget.energy_cost(256, 400, 3, 0.12) == pytest.approx(322_928.64)
    assert budget.energy_cost(32, 450, 2, 0.15) == pytest.approx(37_843.2)


def test_tiers():
    one, two, three = (budget.tier(f"tier{n}") for n in (1, 2, 3))
    assert one["gpus"] == pytest.approx(61.44e6)  # of the 80 million with infrastructure
    assert one["total"] == pytest.approx(80e6 + 6_279_168 * 1.3 + 50e6)
    assert one["days"] == pytest.approx(1718.9, abs=0.1)  # printed 148
    assert two["days"] == pytest.approx(243.06, abs=0.01)  # printed 210
    assert (three["flops"], three["days"]) == (None, None)
    with pytest.raises(KeyError, match="it has: tier1, tier2, tier3"):
        budget.tier("tier4")


def test_pareto_front_by_hand():
    points = [(1.0, 1.0), (2.0, 3.0), (2.0, 2.0), (3.0, 3.0), (4.0, 5.0), (2.0, 3.0)]
    assert decision.pareto_front(points) == [0, 1, 5, 4]
    assert decision.pareto_front([]) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_pareto_front_is_what_nothing_beats(points):
    def beaten(i: int) -> bool:
        return any(p[0] <= points[i][0] and p[1] >= points[i][1] and p != points[i] for p in points)

    assert sorted(decision.pareto_front(points)) == [i for i in range(len(points)) if not beaten(i)]


def test_efficiency_and_allocations():
    assert decision.cost_efficiency(6, 2) == 3
    with pytest.raises(ValueError, match="cost = 0"):
        decision.cost_efficiency(1, 0)
    assert decision.printed_allocation(1e6) == pytest.approx((0.17e6) ** 1.515, rel=0.002)  # C.60
    assert decision.printed_allocation(1e6) ** 2 > 1e6  # C.57 allows ND = B
    assert decision.balanced_allocation(1e6) == 1000


def test_utilities_of_table_21():
    values = decision.decision_matrix()
    assert values["Treinamento completo"] == pytest.approx(-0.18)  # C.93
    assert values["Fine-tuning + LoRA"] == pytest.approx(0.34 - 0.015 - 0.02 - 0.02)  # prints 0.295
    assert values["Quantização + PEFT"] == pytest.approx(0.32 - 0.009 - 0.016 - 0.05)
    assert values["Destilação"] == pytest.approx(0.3 - 0.045 - 0.06 - 0.05)


def test_only_performance_makes_full_training_win():
    only = {"performance": 1.0, "cost": 0.0, "time": 0.0, "risk": 0.0}
    values = decision.decision_matrix(only)
    assert max(values, key=values.__getitem__) == "Treinamento completo"
    with pytest.raises(ValueError, match="weights are needed for performance"):
        decision.decision_matrix({"performance": 1.0})


LAYERS = [(w, s, {b: 4.0**-b for b in (2, 4, 8, 16)}) for w, s in ((9.0, 10), (1.0, 10), (1.0, 30))]


def test_bits_against_every_allocation():
    best = tradeoffs.allocate_bits(LAYERS, 400)
    assert sum(b * s for b, (_, s, _) in zip(best, LAYERS, strict=True)) <= 400

    def loss(bits):
        errors = [e[b] for b, (_, _, e) in zip(bits, LAYERS, strict=True)]
        return tradeoffs.quantisation_loss([w for w, _, _ in LAYERS], errors)

    # optimal among all allocations that take no more bits than it does (Everett, 1963)
    spent = sum(b * s for b, (_, s, _) in zip(best, LAYERS, strict=True))
    rivals = [
        bits
        for bits in itertools.product((2, 4, 8, 16), repeat=3)
        if sum(b * s for b, (_, s, _) in zip(bits, LAYERS, strict=True)) <= spent
    ]
    assert loss(best) == pytest.approx(min(map(loss, rivals)))


def test_bits_at_the_edges():
    assert tradeoffs.allocate_bits(LAYERS, 10_000) == [16, 16, 16]
    with pytest.raises(ValueError, match="even the fewest bits"):
        tradeoffs.allocate_bits(LAYERS, 99)


def test_checkpointing():
    assert tradeoffs.stored_memory(64, 10) == 640
    assert tradeoffs.checkpointed_memory(64, 10, 1) == 88  # 8 inputs and 8 layers
    assert tradeoffs.recomputation_overhead() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="share"):
        tradeoffs.recomputation_overhead(2)


def test_best_number_of_checkpoints_is_the_minimum():
    best = tradeoffs.best_checkpoints(activation=2, forward=50, alpha=1, beta=4)
    assert best == 10
    cost = [tradeoffs.checkpointing_cost(k, 2, 50, 1, 4) for k in range(1, 40)]
    assert 1 + cost.index(min(cost)) == best


def test_compression_needs_a_small_rank():
    assert compression_ratio(4096, 4096, 2048) == 1  # beyond it LoRA has more parameters than W


def test_the_printed_checkpointing_leaves_one_part_out():
    # L = 64: eight checkpoints and a segment of eight layers
    assert tradeoffs.printed_checkpointed_memory(64, 10) == 80
    assert tradeoffs.checkpointed_memory(64, 10, 3) == 8 * 3 + 8 * 10
    assert tradeoffs.printed_recomputation_overhead(64) == 1 / 8
    assert tradeoffs.recomputation_overhead() == pytest.approx(1 / 3)
